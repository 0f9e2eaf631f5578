import type { FeedPageJson } from '../../feed/page.ts'
import { ACTION_EVENT, type ActionMeta, type KeptMeta } from '../../history/types.ts'
import { stateOf, type Folded } from './folding.ts'
import type { Keeping } from './store.ts'

/** Of one topic, in characters of JSON; the oldest go first. */
const MAX_TOPIC_LENGTH = 4 * 1024 * 1024
/** What an entry weighs beside its payload. */
const OVERHEAD = 200
/** Characters of one page. */
const MAX_PAGE_LENGTH = 1_000_000

interface Place {
  readonly n: number
  readonly atMs: number
  /** As it came. */
  readonly json: string
}
export interface MessageEntry extends Place {
  readonly event: string
  readonly meta: KeptMeta
  /** What has become of it since. */
  readonly now: Folded
}
interface ActionEntry extends Place {
  readonly meta: ActionMeta
  readonly now?: undefined
}
export type Entry = MessageEntry | ActionEntry

/** What is kept of one topic, oldest first. A message goes before what was done to it, and so do its reactions. */
export interface Log {
  readonly entries: Entry[]
  readonly byId: Map<string, MessageEntry>
  keeping: Keeping
  length: number
  /** The last entry that is known no more. */
  floor: number
}

const weightOf = ({ json, meta }: Entry): number => json.length + OVERHEAD + (meta.by?.length ?? 0)

/** @returns By how much it is longer. */
export function push(log: Log, entry: Entry): number {
  log.entries.push(entry)
  if (entry.now) log.byId.set(entry.meta.id, entry)
  log.length += weightOf(entry)
  return weightOf(entry)
}

/** Takes away the oldest. @returns By how much it is shorter. */
export function drop(log: Log, count: number): number {
  let sum = 0
  for (const entry of log.entries.splice(0, count)) {
    log.floor = entry.n
    if (entry.now) log.byId.delete(entry.meta.id)
    sum += weightOf(entry)
  }
  log.length -= sum
  return sum
}

/** Takes away what is too old or too much. @returns By how much it is shorter. */
export function trim(log: Log, now: number): number {
  const { entries, keeping, byId } = log
  const from = now - keeping.keepMs
  let excess = byId.size - keeping.messages
  let count = 0
  // What was done to a message that is gone goes when its time has come, or there is too much.
  for (const { now: message, atMs } of entries) {
    if (excess <= 0 && atMs >= from) break
    if (message) excess -= 1
    count += 1
  }
  let sum = count > 0 ? drop(log, count) : 0
  while (log.length > MAX_TOPIC_LENGTH && entries.length > 1) sum += drop(log, 1)
  return sum
}

/** Where what came after a number begins. */
export function firstAfter(entries: readonly Entry[], n: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle] as Entry).n <= n) low = middle + 1
    else high = middle
  }
  return low
}

type Event = FeedPageJson['events'][number]

/**
 * As they came. Of a message that is deleted nothing is told but that: what it said, and what its edits said, is nobody's to read
 * any more.
 *
 * @param later All that came after the first of them.
 */
export function asSent(entries: readonly Entry[], later: readonly Entry[]): readonly Event[] {
  const deletions = later.flatMap(({ now, meta }) => (!now && meta.action === 'delete' ? [meta.target] : []))
  const deleted = new Set(deletions)
  return entries.flatMap((entry): readonly Event[] => {
    const { now, json, meta } = entry
    if (now) return now.deleted ? [] : [{ event: entry.event, json, meta }]
    return meta.action !== 'delete' && deleted.has(meta.target) ? [] : [{ event: ACTION_EVENT, json, meta }]
  })
}

export const asItIs = ({ event, meta, now }: MessageEntry): Event => ({
  event,
  json: now.json,
  meta: { ...meta, ...stateOf(now) },
})

/** As many as fit into a page; one at least, however large. */
export function fitting<T>(items: readonly T[], lengthOf: (item: T) => number): readonly T[] {
  let sum = 0
  const end = items.findIndex((item, index) => (sum += lengthOf(item)) > MAX_PAGE_LENGTH && index > 0)
  return end === -1 ? items : items.slice(0, end)
}
