'use client'

import { useEffect } from 'react'
import type { Change, FeedHandlers } from '../create-realtime.ts'
import { safely } from '../base/safely.ts'
import { useRealtime } from './context.tsx'
import { useFrom } from './use-from.ts'
import { useLatest } from './use-latest.ts'

/**
 * Hears one owner's changes while mounted; nothing without an owner. The callbacks may be new ones at each render. With a
 * `snapshot` in the handlers, what it loads comes in its place among the changes, and again after a gap. With `from`, as the
 * server rendered it, there is none to begin with: for the owner of the first render, until something has come.
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
  const [begin, end] = useFrom(client, JSON.stringify([table, ownerId]), handlers.from)
  useEffect(() => {
    if (ownerId === undefined) return
    const [first, isMissing = false] = begin()
    let from = first
    let wasLive = false
    /** From then on `from` would tell again what was told. */
    const heard = (): FeedHandlers<Row> => {
      from = undefined
      wasLive = true
      return latest.current
    }
    /** Asked for when the feed is live, also where there is nothing to load: until then nobody can reload what is missing. */
    const whenLive = async (): Promise<readonly Row[]> => {
      const isFirst = !wasLive
      const { onGap: onMissing } = heard()
      if (isFirst && isMissing) safely(() => onMissing?.())
      return []
    }
    const stop = client().feed<Row>(table, ownerId, {
      from,
      onChange: (change) => heard().onChange(change),
      onGap: () => heard().onGap?.(),
      onError: (error) => latest.current.onError?.(error),
      ...(hasSnapshot
        ? {
            snapshot: async (signal) => latest.current.snapshot?.(signal) ?? [],
            onSnapshot: (rows) => heard().onSnapshot?.(rows),
          }
        : { snapshot: whenLive }),
    })
    return () => {
      end(from, from === undefined && (wasLive || isMissing))
      stop()
    }
  }, [client, table, ownerId, hasSnapshot, latest, begin, end])
}
