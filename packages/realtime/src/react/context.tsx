'use client'

import { createContext, useContext, useMemo, useSyncExternalStore, type ReactNode } from 'react'
import type { ConnectionStatus, Realtime } from '../create-realtime.ts'
import { getDefaultRealtime } from '../default-realtime.ts'

const RealtimeContext = createContext<Realtime | undefined>(undefined)

/** Gives the hooks below their client; without it they use the default one. */
export function RealtimeProvider(props: { readonly client: Realtime; readonly children: ReactNode }): ReactNode {
  return <RealtimeContext value={props.client}>{props.children}</RealtimeContext>
}

/** The client; made on first use in a browser, never during server rendering. */
export function useRealtime(): () => Realtime {
  const given = useContext(RealtimeContext)
  return useMemo(() => () => given ?? getDefaultRealtime(), [given])
}

/** `idle` during server rendering. */
export function useConnection(): ConnectionStatus {
  const client = useRealtime()
  return useSyncExternalStore(
    (onChange) => client().onStatus(onChange),
    () => client().status,
    () => 'idle',
  )
}
