import {
  ConfigError,
  UnavailableError,
  backoff,
  carrier,
  deadline,
  emit,
  sortableId,
  systemClock,
  toError,
  type CancelTimer,
  type Clock,
  type Health,
  type InferOutput,
  type Service,
  type StandardSchema,
} from '@msc/core'
import type { OutgoingMessage, PresenceState, RealtimeDriver } from './driver.ts'
import { openFeed } from './feed/open-feed.ts'
import { createTopic, safely, type Topic } from './topic.ts'
import { typed, type EventSchemas } from './typed.ts'

/** `offline`: the browser says that there is no network; it is tried again when there is. `idle`: nothing is subscribed. */
export type ConnectionStatus = 'idle' | 'connecting' | 'connected' | 'reconnecting' | 'offline' | 'closed'

export interface RealtimeOptions {
  readonly driver: RealtimeDriver
  /**
   * Asked before every join and before a token expires; `undefined` for nobody. The signal ends with the time there is for
   * it, or with the client.
   */
  readonly getToken?: (signal: AbortSignal) => Promise<string | undefined> | string | undefined
  /** Milliseconds for a join, a send or a publication. Default 10 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  readonly random?: () => number
}

export interface ChannelOptions<Events extends EventSchemas = EventSchemas> {
  /** What its events carry, as any Standard Schema: sent and handed on only when it is valid. Default: anything. */
  readonly events?: Events
  readonly private?: boolean
  /** Who this client is in presence. The first subscriber of a topic decides. */
  readonly presenceKey?: string
}

export type Payload = Readonly<Record<string, unknown>>
export type MessageHandler<Data = Payload> = (payload: Data, event: string) => void
/** The events of a channel for which no schemas were given. */
export type AnyEvents = Readonly<Record<string, StandardSchema<Payload>>>
type NameOf<Events> = keyof Events & string
type Received<Events, Event> = Event extends keyof Events
  ? InferOutput<Events[Event]>
  : InferOutput<Events[keyof Events]>
type Sent<Events, Event extends keyof Events> =
  Events[Event] extends StandardSchema<infer Input, unknown> ? Input : never

export interface Channel<Events extends EventSchemas = AnyEvents> {
  readonly topic: string
  /** Resolves when the server has said that the subscription is live; rejects when the channel is left before. */
  readonly ready: Promise<void>
  /** Hears broadcasts of one event, `*` for all. Returns a function that ends it. */
  on<Event extends NameOf<Events> | '*'>(event: Event, handler: MessageHandler<Received<Events, Event>>): () => void
  /** Called after each interruption: what was sent meanwhile is missing, so reload. */
  onGap(handler: () => void): () => void
  onPresence(handler: (state: PresenceState) => void): () => void
  /** Resolves when the server has taken it. Waits for a connection within the time limit; at most 100 wait. */
  broadcast<Event extends NameOf<Events>>(event: Event, payload: Sent<Events, Event> & Payload): Promise<void>
  track(state: Readonly<Record<string, unknown>>): Promise<void>
  untrack(): Promise<void>
  /** Ends this subscription; the topic is left with the last one. Idempotent. */
  leave(): void
}

export type ChangeType = 'INSERT' | 'UPDATE' | 'DELETE'

export interface Change<Row = Record<string, unknown>> {
  readonly type: ChangeType
  /** The row as it is now; the old one for a DELETE. */
  readonly data: Row
  readonly old: Row | undefined
}

export interface FeedHandlers<Row = Record<string, unknown>, Snapshot = readonly Row[]> {
  readonly onChange: (change: Change<Row>) => void
  /**
   * Loads all there is. Called when the feed is live, so that nothing falls between, and after each gap; changes wait until
   * it is done. One that it shows already may come again. Tried again when it rejects.
   */
  readonly snapshot?: (signal: AbortSignal) => Promise<Snapshot>
  readonly onSnapshot?: (snapshot: Snapshot) => void
  readonly onGap?: () => void
}

export interface Realtime extends Service {
  readonly concern: 'realtime'
  readonly status: ConnectionStatus
  /** Never called from within a call of yours. */
  onStatus(listener: (status: ConnectionStatus) => void): () => void
  channel<Events extends EventSchemas = AnyEvents>(topic: string, options?: ChannelOptions<Events>): Channel<Events>
  /**
   * The changes of one owner's rows, each once and in their order, also those of the time when the connection was lost.
   * `onGap` when that history is gone, or nobody keeps one. Returns a function that ends it.
   */
  feed<Row>(
    table: string,
    ownerId: string,
    onChange: ((change: Change<Row>) => void) | FeedHandlers<Row>,
    onGap?: () => void,
  ): () => void
  /** Publishes without a subscription: for servers. @throws UnavailableError or DriverError; nothing is kept. */
  publish(
    topic: string,
    event: string,
    payload: Readonly<Record<string, unknown>>,
    options?: { readonly private?: boolean },
  ): Promise<void>
  /** Publishes a row's change to its owner's feed, in the shape of Supabase's `realtime.broadcast_changes`. */
  publishChange(change: {
    readonly table: string
    readonly ownerId: string
    readonly type: ChangeType
    readonly record: unknown
    readonly old?: unknown
  }): Promise<void>
}

export const feedTopic = (table: string, ownerId: string): string => `feed:${table}:${ownerId}`

export function createRealtime(options: RealtimeOptions): Realtime {
  const { driver, getToken = () => undefined, timeoutMs = 10_000, clock = systemClock, random = Math.random } = options
  const topics = new Map<string, Topic>()
  const listeners = new Set<(status: ConnectionStatus) => void>()
  const stats = { published: 0, gaps: 0 }
  let status: ConnectionStatus = 'idle'
  let told: ConnectionStatus = 'idle'
  let cancelTell: CancelTimer | undefined
  let closed = false
  // One for all its topics: they share the connection that comes back.
  const share = random()

  const settleStatus = (): void => {
    const states = [...topics.values()].map((topic) => topic.state)
    const next: ConnectionStatus = closed
      ? 'closed'
      : states.length === 0
        ? 'idle'
        : states.includes('retrying')
          ? isOffline()
            ? 'offline'
            : 'reconnecting'
          : states.includes('joining')
            ? 'connecting'
            : 'connected'
    if (next === status) return
    status = next
    // Later, and once: a listener that joins or leaves must not be called from within itself.
    cancelTell ??= clock.setTimeout(() => {
      cancelTell = undefined
      // It may have gone and come back meanwhile.
      if (status === told) return
      told = status
      for (const listener of listeners) safely(() => listener(status))
    }, 0)
  }

  // A network that goes says nothing to a topic that is waiting for its next try.
  const page = globalThis as {
    addEventListener?: typeof addEventListener
    removeEventListener?: typeof removeEventListener
  }
  page.addEventListener?.('offline', settleStatus)
  page.addEventListener?.('online', settleStatus)

  const topicFor = (name: string, channel: ChannelOptions): Topic => {
    let topic = topics.get(name)
    if (topic) return topic
    topic = createTopic({
      name,
      driver,
      private: channel.private ?? false,
      feed: (channel.private ?? false) && name.startsWith('feed:'),
      ...(channel.presenceKey !== undefined && { presenceKey: channel.presenceKey }),
      getToken: async (signal) => getToken(signal),
      timeoutMs,
      clock,
      retryMs: (attempt) => 200 + backoff(attempt, { baseMs: 500, maxMs: 15_000, random }),
      share,
      onState: settleStatus,
      onGap: () => {
        stats.gaps += 1
        emit('realtime.gap', { topic: name })
      },
      onEmpty: () => {
        topics.delete(name)
        settleStatus()
      },
    })
    topics.set(name, topic)
    settleStatus()
    return topic
  }

  const publishAll = async (messages: readonly OutgoingMessage[]): Promise<void> => {
    if (closed) throw new ConfigError('[msc/realtime] The client is closed.', { code: 'REALTIME_CLOSED' })
    const publish = driver.publish?.bind(driver)
    if (!publish) {
      throw new ConfigError(`[msc/realtime] [${driver.name}] publishes only through a channel.`, {
        code: 'REALTIME_NO_PUBLISH',
        hint: 'Join the channel and use broadcast(), or publish from the server.',
      })
    }
    const from = clock.monotonic()
    const [first] = messages as [OutgoingMessage]
    try {
      await deadline((signal) => publish(messages, signal), {
        operation: `[msc/realtime] [${driver.name}] publish`,
        timeoutMs,
        clock,
      })
      stats.published += messages.length
      emit('realtime.publish', { topic: first.topic, event: first.event, outcome: 'ok' }, from)
    } catch (error) {
      emit('realtime.publish', { topic: first.topic, event: first.event, outcome: 'error' }, from)
      throw error
    }
  }

  const self: Realtime = {
    concern: 'realtime',
    driverName: driver.name,
    get status() {
      return status
    },
    onStatus(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    channel<Events extends EventSchemas>(name: string, channelOptions: ChannelOptions<Events> = {}): Channel<Events> {
      if (closed) throw new ConfigError('[msc/realtime] The client is closed.', { code: 'REALTIME_CLOSED' })
      if (!name) throw new ConfigError('[msc/realtime] A channel needs a topic.')
      const channel = topicFor(name, channelOptions).subscribe()
      const { events } = channelOptions
      return (events ? typed(channel, events, driver.name) : channel) as unknown as Channel<Events>
    },
    feed<Row>(
      table: string,
      ownerId: string,
      onChange: ((change: Change<Row>) => void) | FeedHandlers<Row>,
      onGap?: () => void,
    ) {
      const handlers = typeof onChange === 'function' ? { onChange, ...(onGap && { onGap }) } : onChange
      return openFeed(self.channel(feedTopic(table, ownerId), { private: true }), handlers, {
        clock,
        retryMs: (attempt) => 200 + backoff(attempt, { baseMs: 500, maxMs: 15_000, random }),
      })
    },
    publish: (topic, event, payload, { private: isPrivate = false } = {}) =>
      publishAll([{ topic, event, payload: stamped(payload), private: isPrivate }]),
    publishChange: ({ table, ownerId, type, record, old }) =>
      self.publish(
        feedTopic(table, ownerId),
        type,
        { operation: type, schema: 'public', table, record: record ?? null, old_record: old ?? null },
        { private: true },
      ),
    async health({ timeoutMs: budget = 2000 } = {}): Promise<Health> {
      const from = clock.monotonic()
      const base = { concern: 'realtime', driver: driver.name, stats: { topics: topics.size, ...stats } }
      try {
        await deadline((signal) => driver.health(signal), {
          operation: '[msc/realtime] health',
          timeoutMs: budget,
          clock,
        })
        return {
          ...base,
          status: status === 'reconnecting' ? 'degraded' : 'ready',
          latencyMs: clock.monotonic() - from,
        }
      } catch (error) {
        return { ...base, status: 'down', latencyMs: clock.monotonic() - from, detail: toError(error).message }
      }
    },
    async flush() {
      // A message is taken by the server before its promise resolves.
    },
    async close() {
      if (closed) return
      closed = true
      page.removeEventListener?.('offline', settleStatus)
      page.removeEventListener?.('online', settleStatus)
      const reason = new UnavailableError('[msc/realtime] The client was closed.', { code: 'REALTIME_CLOSED' })
      await Promise.all([...topics.values()].map((topic) => topic.close(reason)))
      topics.clear()
      settleStatus()
      await driver.close()
    },
  }
  return self
}

function isOffline(): boolean {
  return (globalThis as { navigator?: { onLine?: boolean } }).navigator?.onLine === false
}

/** The trace, and an id by which a message delivered twice is known. Taken off before anybody sees the payload. */
export function stamped(payload: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...payload, _msc: { id: sortableId(), traceparent: carrier().traceparent } }
}
