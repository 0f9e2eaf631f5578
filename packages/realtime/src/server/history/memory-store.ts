import { emit, every, randomHex, type Clock } from '@msc/core'
import type { FeedPageJson } from '../../feed/page.ts'
import type { ActionMeta, SaidOfAction } from '../../history/types.ts'
import { fold, lengthOf, outcomeOf, unfolded } from './folding.ts'
import { asItIs, asSent, drop, firstAfter, fitting, push, trim, type Log, type MessageEntry } from './memory-log.ts'
import type { HeardAction, HistoryStore, Keeping, NewAction } from './store.ts'

/** Of all topics together, in characters of JSON; the oldest go first. */
const MAX_LENGTH = 64 * 1024 * 1024
const MAX_TOPICS = 10_000
const SWEEP_MS = 60_000
/** What other servers did to messages that have not come yet: how many, of how many characters, and for how long they wait. */
const MAX_EARLY = 1000
const MAX_EARLY_LENGTH = 8 * 1024 * 1024
const EARLY_MS = 5000

export interface MemoryStoreOptions {
  readonly clock: Clock
  readonly report: (error: unknown, operation: string) => void
  /** Told of what had to wait for its message, once that is here or its time is over. */
  readonly onAction?: (action: HeardAction, meta: ActionMeta) => void
  readonly maxLength?: number
  readonly maxTopics?: number
}

interface Early {
  readonly action: HeardAction
  readonly until: number
}

/**
 * Keeps messages in this process, until it ends: the next one has another history, and clients hear of a gap. Of several servers
 * each keeps what it takes and what it hears of the others, in an order of its own, so that cursors are one server's. Ids and
 * versions are the same everywhere. Its cursors have the form of the database's, with one transaction for each entry.
 */
export function createMemoryStore(options: MemoryStoreOptions): HistoryStore {
  const { clock, report, onAction, maxLength = MAX_LENGTH, maxTopics = MAX_TOPICS } = options
  const epoch = crypto.randomUUID()
  /** In the ids and versions that are made here. */
  const own = randomHex(8)
  /** The one that was written to last is the last. */
  const logs = new Map<string, Log>()
  let early: Early[] = []
  let last = 0
  let length = 0
  /** The last entry of any topic that is known no more at all. */
  let forgotten = 0
  /** Before this one something is missing, in any topic. */
  let holeAt = 0
  /** Greater than in every version that was seen, so that what comes later on any server is. */
  let versions = 0

  const keyOf = (topic: string, isPrivate: boolean): string => `${isPrivate ? 'private' : 'public'} ${topic}`
  const now = (): string => `${epoch}:${last + 1}:${last + 1}:`
  const cursorOf = (n: number): string => `${epoch}:${n}:${n}:+${n}.${n}`
  const known = (topic: string, isPrivate: boolean): Log | undefined => {
    const log = logs.get(keyOf(topic, isPrivate))
    if (log) length -= trim(log, clock.now())
    return log
  }
  const forget = (key: string, log: Log): void => {
    length -= drop(log, log.entries.length)
    forgotten = Math.max(forgotten, log.floor)
    logs.delete(key)
  }
  const sweep = (): void => {
    // One that is empty knows still up to where: else all quiet topics would have a gap when others forget something.
    for (const log of logs.values()) length -= trim(log, clock.now())
  }
  /** The topic's, as the one that is written to now. */
  const logFor = (topic: string, isPrivate: boolean, keeping: Keeping): Log => {
    const key = keyOf(topic, isPrivate)
    const log = logs.get(key) ?? { entries: [], byId: new Map(), keeping, length: 0, floor: forgotten }
    log.keeping = keeping
    logs.delete(key)
    logs.set(key, log)
    return log
  }
  const makeRoom = (written: Log): void => {
    length -= trim(written, clock.now())
    for (const [key, oldest] of logs) {
      if ((length <= maxLength && logs.size <= maxTopics) || oldest === written) break
      forget(key, oldest)
    }
  }
  const write = ({ topic, private: isPrivate, keeping, value }: HeardAction, said: SaidOfAction): ActionMeta => {
    const log = logFor(topic, isPrivate, keeping)
    const n = (last += 1)
    const meta = { ...said, cursor: cursorOf(n) }
    length += push(log, { n, atMs: clock.now(), json: said.action === 'update' ? value : 'null', meta })
    makeRoom(log)
    return meta
  }
  const act = (action: NewAction, message: MessageEntry): ActionMeta => {
    const { target, by, value } = action
    // By the clock, so that what is done after an outage counts on the server that has done more meanwhile.
    versions = Math.max(versions + 1, Math.floor(clock.now()))
    const said: SaidOfAction = {
      id: `a${own}-${versions}`,
      at: new Date(clock.now()).toISOString(),
      ...(by !== undefined && { by }),
      action: action.action,
      target,
      event: message.event,
      version: `${String(versions).padStart(16, '0')}.${own}`,
      ...((action.action === 'react' || action.action === 'unreact') && { name: JSON.parse(value) as string }),
    }
    fold(message.now, said, value)
    return write({ ...action, said }, said)
  }
  const takeEarly = (isDue: (each: Early) => boolean): void => {
    const due = early.filter(isDue)
    if (due.length === 0) return
    early = early.filter((each) => !due.includes(each))
    for (const { action } of due) {
      const { said, value, topic } = action
      const message = known(topic, action.private)?.byId.get(said.target)
      if (message && !fold(message.now, said, value)) continue
      const meta = write(action, said)
      onAction?.(action, meta)
    }
  }
  const onError = (error: unknown): void => report(error, 'forget old messages')
  const stops = [
    every(SWEEP_MS, sweep, { clock, onError }),
    every(EARLY_MS, () => takeEarly(({ until }) => until <= clock.monotonic()), { clock, onError }),
  ]
  const page = (events: FeedPageJson['events'], more = false, cursor = now(), gap = false): FeedPageJson => ({
    events,
    gap,
    more,
    cursor,
  })

  return {
    append(messages) {
      return messages.map(({ topic, private: isPrivate, event, payload: json, keeping, by, said }) => {
        const log = logFor(topic, isPrivate, keeping)
        const n = (last += 1)
        const atMs = clock.now()
        const { id, at, by: author } = said ?? { id: `m${own}-${n}`, at: new Date(atMs).toISOString(), by }
        const meta = { id, at, cursor: cursorOf(n), ...(author !== undefined && { by: author }) }
        length += push(log, { n, event, json, atMs, meta, now: unfolded(json) })
        makeRoom(log)
        return meta
      })
    },
    find(topic, isPrivate, id) {
      const message = known(topic, isPrivate)?.byId.get(id)
      return message && !message.now.deleted ? { event: message.event, by: message.meta.by } : undefined
    },
    act(action) {
      const message = known(action.topic, action.private)?.byId.get(action.target)
      const outcome = outcomeOf(message?.now, action)
      return outcome === 'kept' && message ? { outcome, meta: act(action, message) } : { outcome }
    },
    hear(action) {
      const { said, topic, value } = action
      versions = Math.max(versions, Number(said.version.slice(0, 16)))
      const message = known(topic, action.private)?.byId.get(said.target)
      if (message) return fold(message.now, said, value) ? write(action, said) : undefined
      early.push({ action, until: clock.monotonic() + EARLY_MS })
      let sum = early.reduce((all, each) => all + each.action.value.length, 0)
      while (early.length > MAX_EARLY || sum > MAX_EARLY_LENGTH) {
        sum -= early.shift()?.action.value.length ?? 0
        emit('driver.drop', { concern: 'realtime', driver: 'embedded', reason: 'message missing', count: 1 })
      }
      return undefined
    },
    settle: (id) => takeEarly(({ action }) => action.said.target === id),
    missed() {
      holeAt = last += 1
    },
    async since(topic, isPrivate, after, max) {
      const log = known(topic, isPrivate)
      if (after === undefined) return page([])
      const heard = heardBy(after, epoch)
      const isGone = heard === undefined || heard > last || heard < Math.max(holeAt, log?.floor ?? forgotten)
      if (isGone) return page([], false, now(), true)
      const entries = log?.entries ?? []
      const start = firstAfter(entries, heard)
      const found = fitting(entries.slice(start, start + max), ({ json }) => json.length)
      const more = found.length < entries.length - start
      const next = (found.at(-1)?.n ?? 0) + 1
      return page(asSent(found, entries.slice(start)), more, more ? `${epoch}:${next}:${next}:` : now())
    },
    async latest(topic, isPrivate, { max, before, id, sinceMs }) {
      const log = known(topic, isPrivate)
      const messages = [...(log?.byId.values() ?? [])]
      const end = before === undefined ? messages.length : messages.findIndex(({ meta }) => meta.id === before)
      const all = messages
        .slice(0, Math.max(end, 0))
        .filter(({ atMs, meta }) => atMs >= sinceMs && (id === undefined || meta.id === id))
      const found = fitting(all.slice(-max).toReversed(), (entry) => lengthOf(entry.now)).toReversed()
      return page(found.map(asItIs), found.length < all.length)
    },
    stats() {
      const messages = [...logs.values()].reduce((sum, { byId }) => sum + byId.size, 0)
      const topics = [...logs.values()].filter(({ entries }) => entries.length > 0).length
      return { topics, messages, bytes: length }
    },
    close() {
      for (const stop of stops) stop()
      logs.clear()
      early = []
    },
  }
}

/** The number of the last entry that whoever has this cursor has heard; `undefined` in another process's history. */
function heardBy(cursor: string, epoch: string): number | undefined {
  if (!cursor.startsWith(epoch)) return undefined
  const [, xmax = '', , heard = ''] = /:\d+:(\d+):([\d,]*)(?:\+\d+\.(\d+))?/.exec(cursor) ?? []
  return Math.max(Number(xmax) - 1, Number(heard))
}
