'use client'

import { useCallback, useEffect, useRef, useState } from 'react'
import type { Channel, ChannelOptions, MessageHandler } from '../create-realtime.ts'
import { useRealtime } from './context.tsx'
import { useLatest } from './use-latest.ts'

export interface UseChannelOptions extends ChannelOptions {
  /** After each interruption: what was sent meanwhile is missing. */
  readonly onGap?: () => void
}

export interface ChannelHandle {
  /** The server has said that the subscription is live. */
  readonly ready: boolean
  /** Waits for a connection within the client's time limit. @throws Error where nothing is mounted, or no topic is given. */
  readonly broadcast: (event: string, payload: Readonly<Record<string, unknown>>) => Promise<void>
}

/**
 * Joins a channel while mounted; nothing without a topic. Handlers by event, `*` for all; they may be new ones at each render,
 * and components that join the same channel share it.
 */
export function useChannel(
  topic: string | undefined,
  handlers: Readonly<Record<string, MessageHandler>> = {},
  options: UseChannelOptions = {},
): ChannelHandle {
  const client = useRealtime()
  const { private: isPrivate = false, presenceKey } = options
  const latest = useLatest({ handlers, onGap: options.onGap })
  const joined = useRef<Channel>(undefined)
  const [ready, setReady] = useState(false)

  useEffect(() => {
    if (topic === undefined) return
    const channel = client().channel(topic, { private: isPrivate, ...(presenceKey !== undefined && { presenceKey }) })
    joined.current = channel
    let here = true
    channel.on('*', (payload, event) => {
      const { handlers: all } = latest.current
      if (Object.hasOwn(all, event)) all[event]?.(payload, event)
      all['*']?.(payload, event)
    })
    channel.onGap(() => latest.current.onGap?.())
    channel.ready.then(
      () => here && setReady(true),
      () => undefined,
    )
    return () => {
      here = false
      if (joined.current === channel) joined.current = undefined
      setReady(false)
      channel.leave()
    }
  }, [client, topic, isPrivate, presenceKey, latest])

  const broadcast = useCallback<ChannelHandle['broadcast']>(async (event, payload) => {
    if (!joined.current) throw new Error('[msc/realtime] useChannel: nothing is joined; pass a topic.')
    await joined.current.broadcast(event, payload)
  }, [])
  return { ready, broadcast }
}
