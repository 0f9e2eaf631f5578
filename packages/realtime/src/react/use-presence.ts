'use client'

import { useEffect } from 'react'
import type { PresenceState } from '../driver.ts'
import { useRealtime } from './context.tsx'
import { useKeyed } from './use-keyed.ts'

const NOBODY: PresenceState = {}

export interface UsePresenceOptions {
  /** Only for those whom the server's policies allow. Default false. */
  readonly private?: boolean
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
  useEffect(() => {
    if (userId === undefined) return
    const channel = client().channel(topic, { presenceKey: userId, private: isPrivate })
    const stop = channel.onPresence((next) => change(() => next))
    return () => {
      stop()
      channel.leave()
    }
  }, [client, topic, userId, isPrivate, change])
  useEffect(() => {
    if (userId === undefined) return
    const channel = client().channel(topic, { presenceKey: userId, private: isPrivate })
    const tracked = JSON.parse(said) as object
    // Also as whoever has signed in since; the same state is sent once to each of them.
    const track = (): void => void channel.track(tracked).catch(() => undefined)
    track()
    channel.onReady((isReady) => isReady && track())
    return () => channel.leave()
  }, [client, topic, userId, isPrivate, said])
  return state
}
