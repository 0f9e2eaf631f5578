'use client'

import {
  createContext,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react'
import type { Change, ConnectionStatus, Realtime } from './create-realtime.ts'
import { getDefaultRealtime } from './default-realtime.ts'
import type { PresenceState } from './driver.ts'

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

/** Hears one owner's changes while mounted. The callbacks may be new ones at each render. */
export function useFeed<Row>(
  table: string,
  ownerId: string | undefined,
  onChange: (change: Change<Row>) => void,
  onGap?: () => void,
): void {
  const client = useRealtime()
  const latest = useRef({ onChange, onGap })
  useEffect(() => {
    latest.current = { onChange, onGap }
  })
  useEffect(() => {
    if (ownerId === undefined) return
    return client().feed<Row>(
      table,
      ownerId,
      (change) => latest.current.onChange(change),
      () => latest.current.onGap?.(),
    )
  }, [client, table, ownerId])
}

/** Who is on a channel. Tracks `info` as `userId` while mounted; pass the same object to keep from tracking anew. */
export function usePresence(
  topic: string,
  userId: string | undefined,
  info: Readonly<Record<string, unknown>>,
): PresenceState {
  const client = useRealtime()
  const [state, setState] = useState<PresenceState>({})
  useEffect(() => {
    if (userId === undefined) return
    const channel = client().channel(topic, { presenceKey: userId })
    const stop = channel.onPresence(setState)
    channel.track(info).catch(() => undefined)
    return () => {
      stop()
      channel.leave()
    }
  }, [client, topic, userId, info])
  return state
}
