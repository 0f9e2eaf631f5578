'use client'

import { useEffect, useMemo, useRef } from 'react'
import type { PresenceState } from '../driver.ts'
import { useRealtime } from './context.tsx'
import { useKeyed } from './use-keyed.ts'
import { useLatest } from './use-latest.ts'

const NOBODY: PresenceState = {}

export interface UsePresenceOptions {
  /** Only for those whom the server's policies allow. Default false. */
  readonly private?: boolean | undefined
}

/**
 * Who is on a channel; nobody without a `userId`. Tracks `info` as `userId` while mounted, anew when what it says has changed.
 * What another topic or user had shown is never returned for this one.
 */
export function usePresence(
  topic: string,
  userId: string | undefined,
  info: object,
  { private: isPrivate = false }: UsePresenceOptions = {},
): PresenceState {
  const client = useRealtime()
  const [state, change] = useKeyed(client, JSON.stringify([topic, userId, isPrivate]), NOBODY)
  // By value: an object written in place is a new one at each render.
  const said = JSON.stringify(info)
  const tracked = useMemo(() => JSON.parse(said) as object, [said])
  const latest = useLatest(tracked)
  const track = useRef<(state: object) => void>(undefined)
  useEffect(() => {
    if (userId === undefined) return
    const channel = client().channel(topic, { presenceKey: userId, private: isPrivate })
    channel.onPresence((next) => change(() => next))
    const own = (state: object): void => void channel.track(state).catch(() => undefined)
    track.current = own
    own(latest.current)
    // Also as whoever has signed in since; the same state is sent once to each of them.
    channel.onReady((isReady) => isReady && own(latest.current))
    return () => {
      if (track.current === own) track.current = undefined
      channel.leave()
    }
  }, [client, topic, userId, isPrivate, change, latest])
  // Over the same channel: one that was left would take its state back before the next one says another.
  useEffect(() => track.current?.(tracked), [tracked])
  return state
}
