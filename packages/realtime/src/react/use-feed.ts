'use client'

import { useEffect, useRef } from 'react'
import type { Change, FeedHandlers } from '../create-realtime.ts'
import { useRealtime } from './context.tsx'
import { useLatest } from './use-latest.ts'

/**
 * Hears one owner's changes while mounted; nothing without an owner. The callbacks may be new ones at each render. With a
 * `snapshot` in the handlers, what it loads comes in its place among the changes, and again after a gap. With `from`, as the
 * server rendered it, there is none to begin with: for the owner of the first render.
 */
export function useFeed<Row>(
  table: string,
  ownerId: string | undefined,
  onChange: ((change: Change<Row>) => void) | FeedHandlers<Row>,
  onGap?: () => void,
): void {
  const client = useRealtime()
  const handlers: FeedHandlers<Row> = typeof onChange === 'function' ? { onChange, ...(onGap && { onGap }) } : onChange
  const latest = useLatest(handlers)
  const hasSnapshot = handlers.snapshot !== undefined
  const first = useRef(`${table} ${ownerId}`)
  useEffect(() => {
    if (ownerId === undefined) return
    return client().feed<Row>(table, ownerId, {
      from: first.current === `${table} ${ownerId}` ? latest.current.from : undefined,
      onChange: (change) => latest.current.onChange(change),
      onGap: () => latest.current.onGap?.(),
      onSnapshot: (rows) => latest.current.onSnapshot?.(rows),
      ...(hasSnapshot && { snapshot: async (signal) => (await latest.current.snapshot?.(signal)) ?? [] }),
    })
  }, [client, table, ownerId, hasSnapshot, latest])
}
