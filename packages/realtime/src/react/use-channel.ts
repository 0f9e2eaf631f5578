'use client'

import { useCallback, useEffect, useRef } from 'react'
import type { AnyEvents, Channel, ChannelOptions, NameOf, Received } from '../create-realtime.ts'
import type { MessageAction, MessageHandler } from '../base/message.ts'
import type { EventSchemas } from '../client/typed.ts'
import { safely } from '../base/safely.ts'
import { useRealtime } from './context.tsx'
import { useFrom } from './use-from.ts'
import { useKeyed } from './use-keyed.ts'
import { useLatest } from './use-latest.ts'

/** By event, `*` for all. */
export type ChannelHandlers<Events extends EventSchemas> = {
  readonly [Event in NameOf<Events> | '*']?: MessageHandler<Received<Events, Event>>
}

/**
 * `events`, `rewind` and `from`: as they are when the channel is joined; `from` is of the topic of the first render, for which a
 * server rendered it. Joined again, with another `presenceKey` or as part of a page that was hidden, a channel with a history goes
 * on where it was; without one `onGap` is told.
 */
export interface UseChannelOptions<Events extends EventSchemas = AnyEvents> extends ChannelOptions<Events> {
  /** After each interruption, and where it was left and is joined again: what was sent meanwhile is missing. */
  readonly onGap?: (() => void) | undefined
  /** Something was done to a message that the server keeps. */
  readonly onAction?: ((action: MessageAction<Received<Events, '*'>>) => void) | undefined
  /** It could not be joined, and is tried again. */
  readonly onError?: ((error: Error) => void) | undefined
}

type Method = 'broadcast' | 'history' | 'update' | 'remove' | 'react' | 'unreact'

/** The methods are the channel's, and the same ones at each render; they reject where nothing is mounted, or no topic is given. */
export interface ChannelHandle<Events extends EventSchemas = AnyEvents> extends Pick<Channel<Events>, Method> {
  /** The subscription is live: false until the server has said so, while the connection is lost, and for another topic. */
  readonly ready: boolean
  /** How far it has heard, with a history and once it is live. */
  readonly position: () => string | undefined
}

/**
 * Joins a channel while mounted; nothing without a topic. Handlers by event, `*` for all; they may be new ones at each render,
 * and components that join the same channel share it.
 */
export function useChannel<Events extends EventSchemas = AnyEvents>(
  topic: string | undefined,
  handlers: ChannelHandlers<Events> = {},
  options: UseChannelOptions<Events> = {},
): ChannelHandle<Events> {
  const client = useRealtime()
  const { private: isPrivate = false, presenceKey, history = false } = options
  const latest = useLatest({ handlers, options })
  const [ready, change] = useKeyed(client, JSON.stringify([topic, isPrivate, presenceKey]), false)
  const [begin, end] = useFrom(client, JSON.stringify([topic, isPrivate]), options.from)
  // With the function that changes its state, which is another one for another topic.
  const joined = useRef<readonly [change: typeof change, channel: Channel<Events>]>(undefined)

  useEffect(() => {
    if (topic === undefined) return
    const { events, rewind } = latest.current.options
    const [from, isMissing = false] = begin()
    let hasHeard = false
    const channel = client().channel<Events>(topic, {
      private: isPrivate,
      history,
      ...(presenceKey !== undefined && { presenceKey }),
      ...(events && { events }),
      ...(rewind !== undefined && { rewind }),
      from,
    })
    const own = [change, channel] as const
    joined.current = own
    const untyped = channel as unknown as Channel
    untyped.on('*', (payload, event, meta) => {
      hasHeard = true
      const all = latest.current.handlers as unknown as Readonly<Record<string, MessageHandler>>
      if (event !== '*' && Object.hasOwn(all, event)) all[event]?.(payload, event, meta)
      all['*']?.(payload, event, meta)
    })
    channel.onGap(() => latest.current.options.onGap?.())
    channel.onAction((action) => latest.current.options.onAction?.(action))
    channel.onError((error) => latest.current.options.onError?.(error))
    channel.onReady((isReady) => change(() => isReady))
    // It may have been joined by another component.
    const onLive = (): void => {
      if (joined.current !== own) return
      hasHeard = true
      change(() => true)
      if (isMissing) safely(() => latest.current.options.onGap?.())
    }
    channel.ready.then(onLive, () => undefined)
    return () => {
      if (joined.current === own) joined.current = undefined
      // It is there once the history was opened, and of this channel alone: before that it has heard nothing.
      const position = 'position' in channel ? channel.position : from
      end(position, position === undefined && (hasHeard || isMissing))
      change(() => false)
      channel.leave()
    }
  }, [client, topic, isPrivate, presenceKey, history, latest, change, begin, end])

  const channelNow = useCallback((): Channel<Events> | undefined => {
    const [own, channel] = joined.current ?? []
    // Between a render with another topic and its effects, the one before is still there.
    return own === change ? channel : undefined
  }, [change])
  const broadcast = useCallback<ChannelHandle<Events>['broadcast']>(
    async (...args) => required(channelNow()).broadcast(...args),
    [channelNow],
  )
  const readHistory = useCallback<ChannelHandle<Events>['history']>(
    async (...args) => required(channelNow()).history(...args),
    [channelNow],
  )
  const update = useCallback<ChannelHandle<Events>['update']>(
    async (...args) => required(channelNow()).update(...args),
    [channelNow],
  )
  const remove = useCallback<ChannelHandle<Events>['remove']>(
    async (...args) => required(channelNow()).remove(...args),
    [channelNow],
  )
  const react = useCallback<ChannelHandle<Events>['react']>(
    async (...args) => required(channelNow()).react(...args),
    [channelNow],
  )
  const unreact = useCallback<ChannelHandle<Events>['unreact']>(
    async (...args) => required(channelNow()).unreact(...args),
    [channelNow],
  )
  const position = useCallback(() => channelNow()?.position, [channelNow])
  return { ready, broadcast, history: readHistory, update, remove, react, unreact, position }
}

function required<T>(channel: T | undefined): T {
  if (!channel) throw new Error('[msc/realtime] useChannel: nothing is joined; pass a topic.')
  return channel
}
