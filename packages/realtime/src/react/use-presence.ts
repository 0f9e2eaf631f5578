'use client'

import { useEffect, useState } from 'react'
import type { PresenceState } from '../driver.ts'
import { useRealtime } from './context.tsx'

const NOBODY: PresenceState = {}

export interface UsePresenceOptions {
  /** Only for those whom the server's policies allow. Default false. */
  readonly private?: boolean
}

/** Who is on a channel. Tracks `info` as `userId` while mounted, anew when what it says has changed. */
export function usePresence(
  topic: string,
  userId: string | undefined,
  info: Readonly<Record<string, unknown>>,
  { private: isPrivate = false }: UsePresenceOptions = {},
): PresenceState {
  const client = useRealtime()
  const [state, setState] = useState<PresenceState>(NOBODY)
  // By value: an object written in place is a new one at each render.
  const said = JSON.stringify(info)
  useEffect(() => {
    if (userId === undefined) return
    const channel = client().channel(topic, { presenceKey: userId, private: isPrivate })
    const stop = channel.onPresence(setState)
    return () => {
      stop()
      channel.leave()
      setState(NOBODY)
    }
  }, [client, topic, userId, isPrivate])
  useEffect(() => {
    if (userId === undefined) return
    const channel = client().channel(topic, { presenceKey: userId, private: isPrivate })
    channel.track(JSON.parse(said) as Record<string, unknown>).catch(() => undefined)
    return () => channel.leave()
  }, [client, topic, userId, isPrivate, said])
  return state
}
