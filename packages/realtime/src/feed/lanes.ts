import { createBreaker, deadline, type Breaker, type Clock } from '@msc/core'
import { deferred } from '../base/promises.ts'
import type { FeedMessage } from './message.ts'

/** What has to happen before a message may reach anybody: the invalidation of what it announces. */
export type Before = (message: FeedMessage, signal: AbortSignal) => Promise<unknown> | void

export interface LanesOptions {
  readonly before: Before
  /** Milliseconds for one call. */
  readonly timeoutMs: number
  readonly clock: Clock
  readonly report: (error: unknown, operation: string) => void
}

/**
 * The messages of each topic in their order, each behind its `before`; those of other topics do not wait for them. Behind what
 * says that a table was emptied wait those of all the table's topics: a later one would pass for news of everything before it.
 */
export interface Lanes {
  /** Calls `deliver` when the message's turn has come, with the earliest horizon of all that are not delivered yet. */
  deliver(message: FeedMessage, horizon: string, deliver: (earliest: string) => void): void
  /** Whether `before` of this message has settled, as far back as that is remembered. */
  hasSettled(id: string): boolean
  /** Resolves when `before` of these has settled: they are about to be read out of the history. Never rejects. */
  settle(topic: string, messages: readonly FeedMessage[]): Promise<void>
  /** Delivers nothing more, and lets those that wait for `settle` go. */
  close(): void
}

interface Item {
  readonly message: FeedMessage | undefined
  readonly bytes: number
  readonly horizon: string | undefined
  readonly act: (earliest: string) => void
  /** What it waits for in other topics. */
  readonly after: readonly Promise<void>[]
  /** There is no time for its `before` any more. */
  skip: boolean
}

/** Messages that may wait in one topic; with more, none of them waits for its `before`. */
const MAX_WAITING = 5000
/** Bytes that may wait in all topics together. */
const MAX_BYTES = 32 * 1024 * 1024
/** Ids of messages whose `before` has settled. What is forgotten is announced again, which does no harm. */
const REMEMBERED = 50_000
/** Topics whose `before` failed last, that are remembered. */
const MAX_FAILING = 1000
const NOTHING: readonly never[] = []
/** The others announce nothing: what is done to a message, who was taken out, and what is only said to be there. */
const ANNOUNCING: ReadonlySet<FeedMessage['kind']> = new Set(['row', 'emptied', 'missed'])
/** A page of history waits for so many deadlines at most, however many messages are in it. */
const PAGE_DEADLINES = 2

export function createLanes({ before, timeoutMs, clock, report }: LanesOptions): Lanes {
  const lanes = new Map<string, Item[]>()
  const settled = new Set<string>()
  // Where it never answers, each message of a topic would wait for the whole deadline, one after the other. Of each topic,
  // as what fails for one table works for another. Those that do not fail have none.
  const failing = new Map<string, Breaker>()
  /** How many of those that are not delivered have which horizon: there are few different ones. */
  const horizons = new Map<string, number>()
  /** What waits in the topics that begin so, by their beginning. */
  const held = new Map<Promise<void>, string>()
  let bytes = 0
  let closed = false
  const isClosed = (): boolean => closed

  const count = (horizon: string | undefined, by: 1 | -1): void => {
    if (horizon === undefined) return
    const next = (horizons.get(horizon) ?? 0) + by
    if (next === 0) horizons.delete(horizon)
    else horizons.set(horizon, next)
  }
  /** Of what waits in any topic, as a stream of several topics has one position for all of them. */
  const earliest = (own: string): string => {
    let least = BigInt(own)
    for (const horizon of horizons.keys()) if (BigInt(horizon) < least) least = BigInt(horizon)
    return String(least)
  }
  const remember = (id: string): void => {
    if (id !== '') settled.add(id)
    if (settled.size <= REMEMBERED) return
    const [oldest] = settled
    settled.delete(oldest as string)
  }
  const attempt = async (message: FeedMessage): Promise<void> => {
    const { topic } = message
    const breaker = failing.get(topic)
    if (breaker?.tryAcquire() === false) return
    try {
      await deadline(async (signal) => before(message, signal), {
        operation: '[msc/realtime] before',
        timeoutMs,
        clock,
        report: (error) => report(error, 'abort before'),
      })
      failing.delete(topic)
    } catch (error) {
      report(error, 'before')
      const broken = breaker ?? createBreaker({ name: '[msc/realtime] before', clock })
      broken.fail()
      failing.delete(topic)
      failing.set(topic, broken)
      const [oldest] = failing.keys()
      if (failing.size > MAX_FAILING) failing.delete(oldest as string)
    }
  }
  const run = async (topic: string, lane: Item[]): Promise<void> => {
    for (let item = lane[0]; item !== undefined && !isClosed(); item = lane[0]) {
      const { message, horizon } = item
      for (const other of item.after) await other
      if (isClosed()) return
      const announces = message !== undefined && ANNOUNCING.has(message.kind) && !settled.has(message.id)
      if (announces && !item.skip) await attempt(message)
      if (message) remember(message.id)
      if (isClosed()) return
      lane.shift()
      bytes -= item.bytes
      try {
        item.act(earliest(horizon ?? '0'))
      } catch (error) {
        report(error, 'deliver')
      }
      // After it was delivered, so that no position says that it was.
      count(horizon, -1)
    }
    lanes.delete(topic)
  }
  const waitsFor = (topic: string): Item['after'] => {
    if (held.size === 0) return NOTHING
    return [...held].filter(([, start]) => topic.startsWith(start)).map(([done]) => done)
  }
  /** @param until Whatever comes after it in a topic that begins with this one waits for that. */
  const push = (topic: string, wish: Omit<Item, 'after'>, until?: Promise<void>): void => {
    const item: Item = { ...wish, after: waitsFor(topic) }
    if (until) held.set(until, topic)
    bytes += item.bytes
    count(item.horizon, 1)
    const lane = lanes.get(topic)
    if (!lane) {
      const started = [item]
      lanes.set(topic, started)
      void run(topic, started)
      return
    }
    lane.push(item)
    if (lane.length <= MAX_WAITING && bytes <= MAX_BYTES) return
    if (lane.some(({ message, skip }) => message && !skip)) {
      report(new Error(`[msc/realtime] ${topic} is ahead of its invalidations by ${lane.length} messages.`), 'before')
    }
    for (const waiting of lane) waiting.skip = true
  }

  return {
    deliver(message, horizon, deliver) {
      if (closed) return
      const done = deferred<void>()
      const act = (earliest: string): void => {
        held.delete(done.promise)
        done.resolve()
        deliver(earliest)
      }
      const isHeld = message.kind === 'emptied'
      const item = { message, bytes: message.json.length, horizon, act: isHeld ? act : deliver, skip: false }
      push(message.topic, item, isHeld ? done.promise : undefined)
    },
    hasSettled: (id) => settled.has(id),
    async settle(topic, messages) {
      if (closed || messages.length === 0) return
      const done = deferred<void>()
      const waiting: Omit<Item, 'message' | 'act' | 'after'> = { bytes: 0, horizon: undefined, skip: false }
      for (const message of messages) push(topic, { ...waiting, message, act: () => undefined })
      push(topic, { ...waiting, message: undefined, act: () => done.resolve() })
      const cancel = clock.setTimeout(() => {
        report(new Error(`[msc/realtime] ${topic} is read before all its invalidations are done.`), 'before')
        done.resolve()
      }, timeoutMs * PAGE_DEADLINES)
      await done.promise
      cancel()
    },
    close() {
      closed = true
      for (const lane of lanes.values()) for (const { message, act } of lane) if (!message) act('0')
      lanes.clear()
      horizons.clear()
      held.clear()
    },
  }
}
