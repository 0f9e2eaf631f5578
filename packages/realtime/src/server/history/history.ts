import { UnavailableError } from '@msc/core'
import type { FeedPageJson } from '../../feed/page.ts'
import type { Connection } from '../entrance/connection.ts'
import type { HistoryStats } from '../operate/stats.ts'
import { broadcast, type Broadcast } from '../rooms/broadcast.ts'
import type { Rooms } from '../rooms/rooms.ts'
import type { KeepingOf } from './rules.ts'
import type { HistoryStore, LatestWish, NewMessage } from './store.ts'

/** Messages whose sender is known until they come back from the database. */
const MAX_SENDERS = 10_000

/** The messages of channels that are kept. */
export interface History {
  /** Messages come back from the database, as all of its do. */
  readonly isOfFeeds: boolean
  /** Is anything kept of this topic? */
  keeps(topic: string, isPrivate: boolean): boolean
  /**
   * Keeps messages, and sends them to their rooms. All of them or none; resolves with their ids once they are kept.
   *
   * @param from Whoever sends does not hear it.
   */
  publish(messages: readonly Broadcast[], from?: Connection): Promise<readonly string[]>
  since(topic: string, isPrivate: boolean, after: string | undefined): Promise<FeedPageJson>
  latest(topic: string, isPrivate: boolean, wish: Readonly<Record<string, unknown>>): Promise<FeedPageJson>
  /**
   * Calls once it is known who sent the message with this id: at once, unless messages are being written. In the order of the
   * calls.
   */
  withSender(id: string, use: (from: Connection | undefined) => void): void
  stats(): HistoryStats | undefined
  close(): void
}

const PAGE = 500
const MAX_PAGE = 1000

export function createHistory(keepingOf: KeepingOf, store: HistoryStore, rooms: Rooms, isOfFeeds: boolean): History {
  const { clock, attempt } = rooms.runtime
  const senders = new Map<string, Connection>()
  const writing = new Set<Promise<unknown>>()
  let order: Promise<unknown> | undefined

  const remember = (id: string, from: Connection): void => {
    senders.set(id, from)
    if (senders.size > MAX_SENDERS) for (const oldest of senders.keys()) return void senders.delete(oldest)
  }
  const take = (id: string): Connection | undefined => {
    const from = senders.get(id)
    senders.delete(id)
    return from
  }
  const newMessage = ({ topic, private: isPrivate, event, payload }: Broadcast): NewMessage => {
    const keeping = keepingOf(topic, isPrivate)
    if (!keeping || typeof payload !== 'string') throw new TypeError(`[msc/realtime] ${topic} keeps no such message.`)
    return { topic, private: isPrivate, event, payload, keeping }
  }
  const write = async (messages: readonly Broadcast[], from: Connection | undefined): Promise<readonly string[]> => {
    const kept = await store.append(messages.map(newMessage))
    for (const [index, message] of messages.entries()) {
      const meta = kept[index]
      if (!meta) throw new UnavailableError('[msc/realtime] The history answered with something else.', CODE)
      if ('cursor' in meta) broadcast(rooms, { ...message, meta }, from)
      else if (from) remember(meta.id, from)
    }
    return kept.map(({ id }) => id)
  }

  return {
    isOfFeeds,
    keeps: (topic, isPrivate) => keepingOf(topic, isPrivate) !== undefined,
    publish(messages, from) {
      const written = write(messages, from)
      writing.add(written)
      const forget = (): boolean => writing.delete(written)
      written.then(forget, forget)
      return written
    },
    since: (topic, isPrivate, after) => store.since(topic, isPrivate, after, PAGE),
    latest(topic, isPrivate, { limit, before, ms }) {
      const { messages = 0, keepMs = 0 } = keepingOf(topic, isPrivate) ?? {}
      const most = Math.min(messages, MAX_PAGE)
      const wish: LatestWish = {
        max: typeof limit === 'number' && limit >= 1 ? Math.min(Math.floor(limit), most) : Math.min(100, most),
        before: typeof before === 'string' ? before : undefined,
        sinceMs: clock.now() - Math.min(keepMs, typeof ms === 'number' && ms >= 0 ? ms : keepMs),
      }
      return store.latest(topic, isPrivate, wish)
    },
    withSender(id, use) {
      const run = (): boolean => attempt('hand on a message', () => use(take(id)))
      if (writing.size === 0 && !order) return void run()
      const own = Promise.all([order, Promise.allSettled(writing)]).then(() => {
        if (order === own) order = undefined
        run()
      })
      order = own
    },
    stats: () => store.stats?.(),
    close: () => store.close(),
  }
}

const CODE = { code: 'REALTIME_HISTORY_UNAVAILABLE', hint: 'Try again: the message was not kept.' }
