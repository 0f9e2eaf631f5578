import { DriverError } from '@msc/core'
import type { PresenceState, RealtimeDriver, SubscribeOptions, SubscriptionHandlers } from '../driver.ts'
import type { FeedPage } from '../feed/page.ts'
import type { HistoryWish } from '../history/types.ts'

export interface FakeRealtime {
  readonly driver: RealtimeDriver
  /** Everything the client asked for, in order. */
  readonly received: readonly FakeRequest[]
  /** Topics that are subscribed to now. */
  readonly topics: readonly string[]
  push(topic: string, event: string, payload: unknown, meta?: unknown): void
  presence(topic: string, state: PresenceState): void
  /** Takes a subscription, or all, away. */
  drop(topic?: string, spreadMs?: number): void
  /** Replaces an answer. What it throws or rejects with is the server's refusal; it may never answer. */
  override: {
    subscribe?: (topic: string, options: SubscribeOptions) => Promise<void> | void
    send?: (topic: string, event: string) => Promise<void> | void
    track?: (topic: string, state: object) => Promise<void> | void
    /** Absent where nobody counts: to be set before the topic is joined. */
    occupancy?: (topic: string, told: ((occupancy: unknown) => void) | undefined) => Promise<void> | void
    since?: (
      topic: string,
      after: string | undefined,
      latest?: HistoryWish,
    ) => Promise<FeedPage | undefined> | FeedPage | undefined
  }
}

export interface FakeRequest {
  readonly what: 'subscribe' | 'send' | 'track' | 'untrack' | 'token' | 'since' | 'leave'
  readonly topic: string
  readonly detail?: unknown
}

/** A realtime service in this process that does what a test tells it to, for clients built on `createRealtime`. */
export function createFakeRealtime(): FakeRealtime {
  const received: FakeRequest[] = []
  const live = new Map<string, SubscriptionHandlers>()
  const override: FakeRealtime['override'] = {}
  const note = (what: FakeRequest['what'], topic: string, detail?: unknown): void =>
    void received.push({ what, topic, ...(detail !== undefined && { detail }) })

  const driver: RealtimeDriver = {
    specificationVersion: 1,
    name: 'fake',
    async subscribe(topic, options, handlers, signal) {
      note('subscribe', topic, options)
      await override.subscribe?.(topic, options)
      signal.throwIfAborted()
      live.set(topic, handlers)
      return {
        async send(event, payload) {
          note('send', topic, { event, payload })
          await override.send?.(topic, event)
        },
        async track(state) {
          note('track', topic, state)
          await override.track?.(topic, state)
        },
        async untrack() {
          note('untrack', topic)
        },
        async since(after, _signal, latest) {
          note('since', topic, after)
          return override.since?.(topic, after, latest)
        },
        ...(override.occupancy && { occupancy: async (told) => override.occupancy?.(topic, told) }),
        setToken: (token) => note('token', topic, token),
        async leave() {
          note('leave', topic)
          if (live.get(topic) === handlers) live.delete(topic)
        },
      }
    },
    async publish(messages) {
      for (const { topic, event, payload } of messages) note('send', topic, { event, payload })
    },
    async health() {},
    async close() {
      live.clear()
    },
  }
  return {
    driver,
    received,
    override,
    get topics() {
      return [...live.keys()]
    },
    push: (topic, event, payload, meta) => live.get(topic)?.onMessage(event, payload, meta),
    presence: (topic, state) => live.get(topic)?.onPresence(state),
    drop(topic, spreadMs) {
      for (const [name, { onDown }] of live) {
        if (topic !== undefined && topic !== name) continue
        live.delete(name)
        onDown(new DriverError('fake', 'The connection was lost.', { retryable: true }), spreadMs)
      }
    },
  }
}
