import { UnavailableError } from '@msc/core'
import type { FeedPageJson } from '../../feed/page.ts'
import { ACTION_EVENT, type ActionMeta, type KeptMeta, type SaidOfMessage } from '../../history/types.ts'
import type { HistoryStats } from '../operate/stats.ts'
import { broadcast, pend, type Broadcast, type From } from '../rooms/broadcast.ts'
import type { Rooms } from '../rooms/rooms.ts'
import type { Room } from '../rooms/presence.ts'
import type { KeepingOf } from './rules.ts'
import type { ActionsRule } from './actions.ts'
import type { ActionOutcome, Found, HeardAction, HistoryStore, LatestWish, NewAction, NewMessage } from './store.ts'
import { createWriting } from './writing.ts'

/** Messages whose sender is known until they come back from the database. */
const MAX_SENDERS = 10_000

/** Whose message it is. */
interface Sender {
  readonly from?: From
  /** The `sub` of who wrote it. */
  readonly by?: string | undefined
}

/** The messages of channels that are kept. */
export interface History {
  /** Messages come back from the database, as all of its do. */
  readonly isOfFeeds: boolean
  /** Is anything kept of this topic? */
  keeps(topic: string, isPrivate: boolean): boolean
  /**
   * Keeps messages, and sends them to their rooms. All of them or none; resolves with what is said of each once they are kept.
   *
   * @param sender Nobody, where the application publishes: what that says is taken even where it is too large to be told live, and
   *   read.
   */
  publish(messages: readonly Broadcast[], sender?: Sender): Promise<readonly SaidOfMessage[]>
  /** Since when a topic's messages are kept, in milliseconds since the epoch; `undefined` where none are. */
  keptFrom(topic: string, isPrivate: boolean): number | undefined
  /** Who may do what to the messages of a topic. */
  actionsOf(topic: string, isPrivate: boolean): ActionsRule | undefined
  /** A message that something can be done to. */
  find(topic: string, isPrivate: boolean, id: string): Promise<Found | undefined>
  /** Does something to a message, for somebody who may, and tells its readers. Resolves once it is kept. */
  act(action: Omit<NewAction, 'keeping'>): Promise<ActionOutcome>
  /**
   * What another server has taken. It is told with what this server's own history says of it, where it belongs to that: what is in
   * the database is not told by servers, and of a topic that is not kept nothing is said.
   */
  hear(message: Broadcast, said: SaidOfMessage | undefined, tell: (message: Broadcast) => void): void
  /** What was done on another server. */
  hearAction(action: Omit<HeardAction, 'keeping'>, tell: (message: Broadcast) => void): void
  /** What other servers have taken may be missing here. */
  missed(): void
  since(topic: string, isPrivate: boolean, after: string | undefined): Promise<FeedPageJson>
  latest(topic: string, isPrivate: boolean, wish: Readonly<Record<string, unknown>>): Promise<FeedPageJson>
  /**
   * Calls once it is known who sent the message with this id: at once, unless messages of this room are being written. In the order
   * of the calls for one room; a write that hangs holds up no other.
   */
  withSender(room: Room, id: string, use: (from: From | undefined) => void): void
  stats(): HistoryStats | undefined
  close(): void
}

const PAGE = 500
const MAX_PAGE = 1000
/** As a database can count. */
const MAX_NEWEST = 1e9

export function createHistory(keepingOf: KeepingOf, store: HistoryStore, rooms: Rooms, isOfFeeds: boolean): History {
  const { clock, attempt } = rooms.runtime
  const senders = new Map<string, From>()
  const writing = createWriting(rooms)

  const remember = (id: string, from: From): void => {
    senders.set(id, from)
    if (senders.size > MAX_SENDERS) for (const oldest of senders.keys()) return void senders.delete(oldest)
  }
  const take = (id: string): From | undefined => {
    const from = senders.get(id)
    senders.delete(id)
    return from
  }
  const newMessage = ({ topic, private: isPrivate, event, payload, once }: Broadcast, sender?: Sender): NewMessage => {
    const keeping = keepingOf(topic, isPrivate)
    if (!keeping || typeof payload !== 'string') throw new TypeError(`[msc/realtime] ${topic} keeps no such message.`)
    const mustBeTold = sender !== undefined
    return { topic, private: isPrivate, event, payload, keeping, by: sender?.by, once: once?.[1], mustBeTold }
  }
  const write = async (
    messages: readonly Broadcast[],
    sender: Sender | undefined,
  ): Promise<readonly SaidOfMessage[]> => {
    const appended = store.append(messages.map((message) => newMessage(message, sender)))
    // What is kept at once is told at once: what another server says meanwhile has a later place in the order.
    const kept: readonly (KeptMeta | { readonly id: string })[] =
      appended instanceof Promise ? await appended : appended
    const { from, by } = sender ?? {}
    for (const [index, message] of messages.entries()) {
      const meta = kept[index]
      if (!meta) throw new UnavailableError('[msc/realtime] The history answered with something else.', CODE)
      if ('cursor' in meta) broadcast(rooms, { ...message, meta }, from)
      else if (from) remember(meta.id, from)
    }
    // A database says its own time only when it hands the message on, which may be later than the answer.
    const now = new Date(clock.now()).toISOString()
    return kept.map(({ id, ...said }) => ({ id, at: 'at' in said ? said.at : now, by }))
  }

  return {
    isOfFeeds,
    keeps: (topic, isPrivate) => keepingOf(topic, isPrivate) !== undefined,
    publish(messages, sender) {
      const end = pend(rooms, messages)
      const written = write(messages, sender)
      writing.add(messages, written)
      written.then(end, end)
      return written
    },
    keptFrom(topic, isPrivate) {
      const keeping = keepingOf(topic, isPrivate)
      return keeping && clock.now() - keeping.keepMs
    },
    actionsOf: (topic, isPrivate) => keepingOf(topic, isPrivate)?.actions,
    async find(topic, isPrivate, id) {
      const keeping = keepingOf(topic, isPrivate)
      return keeping && store.find(topic, isPrivate, id, clock.now() - keeping.keepMs)
    },
    async act(action) {
      const keeping = keepingOf(action.topic, action.private)
      if (!keeping) return 'unknown'
      const acted = store.act({ ...action, keeping })
      // As in `write`.
      const { outcome, meta } = acted instanceof Promise ? await acted : acted
      if (meta) broadcast(rooms, toldOf(action, meta))
      return outcome
    },
    hear(message, said, tell) {
      const { topic, private: isPrivate, payload } = message
      if (isOfFeeds || !said || typeof payload !== 'string' || !keepingOf(topic, isPrivate)) return tell(message)
      const appended = store.append([{ ...newMessage(message), said }])
      const meta = appended instanceof Promise ? undefined : appended[0]
      tell(meta ? { ...message, meta } : message)
      store.settle?.(said.id)
    },
    hearAction(action, tell) {
      const keeping = keepingOf(action.topic, action.private)
      const meta = keeping && store.hear?.({ ...action, keeping })
      if (meta) tell(toldOf(action, meta))
    },
    missed: () => store.missed?.(),
    async since(topic, isPrivate, after) {
      const page = await store.since(topic, isPrivate, after, PAGE)
      const { keepMs = 0 } = keepingOf(topic, isPrivate) ?? {}
      // A database keeps for as long as the feeds do: what is older than the rule is none of this topic's any more.
      const from = clock.now() - keepMs
      const events = page.events.filter(({ meta }) => !meta || Date.parse(meta.at) >= from)
      return events.length === page.events.length ? page : { ...page, events, gap: true }
    },
    latest(topic, isPrivate, { limit, before, ms, id }) {
      const { messages = 0, keepMs = 0 } = keepingOf(topic, isPrivate) ?? {}
      const most = Math.min(messages, MAX_PAGE)
      const wish: LatestWish = {
        max: typeof limit === 'number' && limit >= 1 ? Math.min(Math.floor(limit), most) : Math.min(100, most),
        before: typeof before === 'string' ? before : undefined,
        id: typeof id === 'string' ? id : undefined,
        newest: Math.min(Math.max(1, messages), MAX_NEWEST),
        sinceMs: clock.now() - Math.min(keepMs, typeof ms === 'number' && ms >= 0 ? ms : keepMs),
      }
      return store.latest(topic, isPrivate, wish)
    },
    withSender(room, id, use) {
      writing.after(room, () => void attempt('hand on a message', () => use(take(id))))
    },
    stats: () => store.stats?.(),
    close: () => store.close(),
  }
}

/** An action as its readers are told it. */
export const toldOf = (
  { topic, private: isPrivate, value }: Pick<NewAction, 'topic' | 'private' | 'value'>,
  meta: ActionMeta,
): Broadcast => ({
  topic,
  private: isPrivate,
  event: ACTION_EVENT,
  payload: meta.action === 'update' ? value : 'null',
  meta,
})

const CODE = { code: 'REALTIME_HISTORY_UNAVAILABLE', hint: 'Try again: the message was not kept.' }
