import { every, type Clock } from '@msc/core'
import type { FeedPageJson } from '../../feed/page.ts'
import type { KeptMeta } from '../../history/types.ts'
import type { HistoryStore, Keeping } from './store.ts'

/** Of one topic, and of all together, in characters of JSON; the oldest go first. */
const MAX_TOPIC_LENGTH = 4 * 1024 * 1024
const MAX_LENGTH = 64 * 1024 * 1024
const MAX_TOPICS = 10_000
/** What a message weighs beside its payload. */
const OVERHEAD = 200
/** Characters of one page. */
const MAX_PAGE_LENGTH = 1_000_000
const SWEEP_MS = 60_000

interface Entry {
  readonly n: number
  readonly event: string
  readonly json: string
  readonly atMs: number
  readonly meta: KeptMeta
}

interface Log {
  readonly entries: Entry[]
  keeping: Keeping
  length: number
  /** The last message that is known no more. */
  floor: number
}

export interface MemoryStoreOptions {
  readonly clock: Clock
  readonly report: (error: unknown, operation: string) => void
  readonly maxLength?: number
  readonly maxTopics?: number
}

/**
 * Keeps messages in this process, until it ends: another process, or the next one, has another history, and clients hear of a
 * gap. Its cursors have the form of the database's, with one transaction for each message.
 */
export function createMemoryStore(options: MemoryStoreOptions): HistoryStore {
  const { clock, report, maxLength = MAX_LENGTH, maxTopics = MAX_TOPICS } = options
  const epoch = crypto.randomUUID()
  /** The one that was written to last is the last. */
  const logs = new Map<string, Log>()
  let last = 0
  let length = 0
  let total = 0
  /** The last message of any topic that is known no more at all. */
  let forgotten = 0

  const keyOf = (topic: string, isPrivate: boolean): string => `${isPrivate ? 'private' : 'public'} ${topic}`
  const now = (): string => `${epoch}:${last + 1}:${last + 1}:`
  const drop = (log: Log, count: number): void => {
    for (const { n, json } of log.entries.splice(0, count)) {
      total -= 1
      log.floor = n
      log.length -= json.length + OVERHEAD
      length -= json.length + OVERHEAD
    }
  }
  /** Takes away what is too old or too much. */
  const trim = (log: Log): void => {
    const { entries, keeping } = log
    const from = clock.now() - keeping.keepMs
    let count = Math.max(0, entries.length - keeping.messages)
    while (count < entries.length && (entries[count] as Entry).atMs < from) count += 1
    drop(log, count)
    while (log.length > MAX_TOPIC_LENGTH && entries.length > 1) drop(log, 1)
  }
  const forget = (key: string, log: Log): void => {
    drop(log, log.entries.length)
    forgotten = Math.max(forgotten, log.floor)
    logs.delete(key)
  }
  const sweep = (): void => {
    for (const [key, log] of logs) {
      trim(log)
      if (log.entries.length === 0) forget(key, log)
    }
  }
  const stop = every(SWEEP_MS, sweep, { clock, onError: (error) => report(error, 'forget old messages') })
  const logFor = (key: string, keeping: Keeping): Log => {
    const log = logs.get(key) ?? { entries: [], keeping, length: 0, floor: forgotten }
    log.keeping = keeping
    logs.delete(key)
    logs.set(key, log)
    return log
  }
  const pageOf = (entries: readonly Entry[], page: Pick<FeedPageJson, 'cursor' | 'gap' | 'more'>): FeedPageJson => ({
    ...page,
    events: entries.map(({ event, json, meta }) => ({ event, json, meta })),
  })

  return {
    async append(messages) {
      return messages.map(({ topic, private: isPrivate, event, payload: json, keeping }) => {
        const log = logFor(keyOf(topic, isPrivate), keeping)
        const n = (last += 1)
        const atMs = clock.now()
        const meta = { id: `m${n}`, at: new Date(atMs).toISOString(), cursor: `${epoch}:${n}:${n}:+${n}.${n}` }
        total += 1
        log.entries.push({ n, event, json, atMs, meta })
        log.length += json.length + OVERHEAD
        length += json.length + OVERHEAD
        trim(log)
        for (const [key, oldest] of logs) {
          if ((length <= maxLength && logs.size <= maxTopics) || oldest === log) break
          forget(key, oldest)
        }
        return meta
      })
    },
    async since(topic, isPrivate, after, max) {
      const log = logs.get(keyOf(topic, isPrivate))
      if (log) trim(log)
      if (after === undefined) return pageOf([], { gap: false, more: false, cursor: now() })
      const heard = heardBy(after, epoch)
      const isGone = heard === undefined || heard > last || heard < (log?.floor ?? forgotten)
      if (isGone) return pageOf([], { gap: true, more: false, cursor: now() })
      const start = log ? firstAfter(log.entries, heard) : 0
      const found = fitting(log?.entries.slice(start, start + max) ?? [])
      const more = found.length < (log?.entries.length ?? 0) - start
      const next = (found.at(-1)?.n ?? 0) + 1
      return pageOf(found, { gap: false, more, cursor: more ? `${epoch}:${next}:${next}:` : now() })
    },
    async latest(topic, isPrivate, { max, before, sinceMs }) {
      const log = logs.get(keyOf(topic, isPrivate))
      if (log) trim(log)
      const end = before === undefined ? Infinity : Number(/^m(\d{1,15})$/.exec(before)?.[1] ?? 0)
      const all = (log?.entries ?? []).filter(({ n, atMs }) => n < end && atMs >= sinceMs)
      const found = fitting(all.slice(-max).toReversed()).toReversed()
      return pageOf(found, { gap: false, more: found.length < all.length, cursor: now() })
    },
    stats: () => ({ topics: logs.size, messages: total, bytes: length }),
    close() {
      stop()
      logs.clear()
    },
  }
}

/** The number of the last message that whoever has this cursor has heard; `undefined` in another process's history. */
function heardBy(cursor: string, epoch: string): number | undefined {
  if (!cursor.startsWith(epoch)) return undefined
  const [, xmax = '', , heard = ''] = /:\d+:(\d+):([\d,]*)(?:\+\d+\.(\d+))?/.exec(cursor) ?? []
  return Math.max(Number(xmax) - 1, Number(heard))
}

function firstAfter(entries: readonly Entry[], n: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle] as Entry).n <= n) low = middle + 1
    else high = middle
  }
  return low
}

/** One at least, however large. */
function fitting(entries: readonly Entry[]): readonly Entry[] {
  let sum = 0
  const end = entries.findIndex(({ json }, index) => (sum += json.length) > MAX_PAGE_LENGTH && index > 0)
  return end === -1 ? entries : entries.slice(0, end)
}
