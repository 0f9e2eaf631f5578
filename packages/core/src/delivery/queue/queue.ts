import type { Entry } from '../entry.ts'
import { append, createLane, laneEntries, laneSize, peek, restore, shift, type Lane } from './lane.ts'
import { createLimits, limitedUntil, type Limits } from './limits.ts'
import type { ItemLabel } from '../outbox-types.ts'

export interface QueueBounds {
  /** The number of items to hold at most, including those on the wire. */
  readonly maxItems: number
  /** The number of bytes to hold at most, including those on the wire. */
  readonly maxBytes: number
}

export interface BatchBounds {
  readonly maxItems: number
  readonly maxBytes: number
}

interface Resting<T> {
  readonly entry: Entry<T>
  /** The time from which it may be taken again, by the monotonic clock. */
  readonly until: number
}

/**
 * The items that one outbox holds. The bounds include items on the wire, so that a batch always fits when it is put back,
 * and the items that were accepted first are kept.
 */
export interface Queue<T> {
  readonly bounds: QueueBounds
  /** One lane per kind, so that a limited kind is skipped without a look at its entries. */
  readonly lanes: Map<string, Lane<T>>
  /** Entries that the backend sent back individually. Each waits for a time of its own. */
  resting: Resting<T>[]
  /** Entries that failed alone. They wait until another entry has been tried, so that one can't block all others. */
  aside: Entry<T>[]
  /** The limits that the backend asked for. */
  readonly limits: Limits
  /** The outbox's own extra limits. */
  patience: Limits
  /** Totals of all waiting entries: in lanes, resting or set aside. */
  queued: { items: number; bytes: number }
  inFlight: { items: number; bytes: number }
  nextOrder: number
  /** The lowest order in use. Restored entries get lower ones, to go before everything else. */
  firstOrder: number
}

export function createQueue<T>(bounds: QueueBounds): Queue<T> {
  return {
    bounds,
    lanes: new Map(),
    resting: [],
    aside: [],
    limits: createLimits(),
    patience: createLimits(),
    queued: { items: 0, bytes: 0 },
    inFlight: { items: 0, bytes: 0 },
    nextOrder: 0,
    firstOrder: 0,
  }
}

/** Returns the number of items held: waiting and on the wire. */
export function held<T>({ queued, inFlight }: Queue<T>): number {
  return queued.items + inFlight.items
}

function fits<T>({ bounds, queued, inFlight }: Queue<T>, bytes: number): boolean {
  if (queued.items + inFlight.items + 1 > bounds.maxItems) return false
  return queued.bytes + inFlight.bytes + bytes <= bounds.maxBytes
}

/** Appends an item. Returns false when there is no room. */
export function add<T>(queue: Queue<T>, item: T, { id, kind, bytes }: ItemLabel): boolean {
  if (!fits(queue, bytes)) return false
  append(laneOf(queue, kind), { item, id, kind, bytes, order: queue.nextOrder++, strikes: 0, part: 0 })
  count(queue.queued, bytes, 1)
  return true
}

/** Puts older items, the oldest first, before all others. Returns those that there is no room for. */
export function addBefore<T>(
  queue: Queue<T>,
  items: readonly { readonly item: T; readonly label: ItemLabel }[],
): readonly ItemLabel[] {
  const entries: Entry<T>[] = []
  const refused: ItemLabel[] = []
  queue.firstOrder -= items.length
  for (const [index, { item, label }] of items.entries()) {
    const { id, kind, bytes } = label
    if (!fits(queue, bytes)) {
      refused.push(label)
      continue
    }
    entries.push({ item, id, kind, bytes, order: queue.firstOrder + index, strikes: 0, part: 0 })
    count(queue.queued, bytes, 1)
  }
  place(queue, entries)
  return refused
}

/**
 * Takes the next batch in order and counts it as in flight. Skips limited kinds. The batch ends before an entry that would
 * exceed the bounds, and at the end of a part of a refused batch. It is empty when nothing may be taken now.
 */
export function take<T>(queue: Queue<T>, bounds: BatchBounds, now: number): Entry<T>[] {
  wakeResting(queue, now)
  if (queue.aside.length > 0 && nextLane(queue, now) === undefined) comeBack(queue)
  const batch: Entry<T>[] = []
  let bytes = 0
  while (batch.length < bounds.maxItems) {
    const lane = nextLane(queue, now)
    const entry = lane && peek(lane)
    if (!lane || !entry) break
    const first = batch[0]
    if (first && (entry.part !== first.part || bytes + entry.bytes > bounds.maxBytes)) break
    shift(lane)
    if (laneSize(lane) === 0) queue.lanes.delete(entry.kind)
    batch.push(entry)
    bytes += entry.bytes
  }
  count(queue.queued, -bytes, -batch.length)
  count(queue.inFlight, bytes, batch.length)
  return batch
}

/** Removes entries from the in-flight totals. Other functions decide where they go. */
export function land<T>(queue: Queue<T>, entries: readonly Entry<T>[]): void {
  for (const { bytes } of entries) count(queue.inFlight, -bytes, -1)
}

/** Puts landed entries back in their places. */
export function putBack<T>(queue: Queue<T>, entries: readonly Entry<T>[]): void {
  for (const { bytes } of entries) count(queue.queued, bytes, 1)
  place(queue, entries)
}

/** Puts a landed entry behind all others. */
export function putLast<T>(queue: Queue<T>, entry: Entry<T>): void {
  count(queue.queued, entry.bytes, 1)
  append(laneOf(queue, entry.kind), { ...entry, order: queue.nextOrder++ })
}

/** Puts a landed entry back in its place, but not before `until`. */
export function putToRest<T>(queue: Queue<T>, entry: Entry<T>, until: number): void {
  count(queue.queued, entry.bytes, 1)
  queue.resting.push({ entry, until })
}

/** Sets a landed entry aside until {@link comeBack} or until nothing else is left. */
export function setAside<T>(queue: Queue<T>, entry: Entry<T>): void {
  count(queue.queued, entry.bytes, 1)
  queue.aside.push(entry)
}

/** Puts entries that were set aside back in their places. */
export function comeBack<T>(queue: Queue<T>): void {
  const { aside } = queue
  queue.aside = []
  place(queue, aside)
}

/** Returns the time until which a kind may not be taken, or 0 when it may. */
function waitsUntil<T>({ limits, patience }: Queue<T>, kind: string, now: number): number {
  return Math.max(limitedUntil(limits, kind, now), limitedUntil(patience, kind, now))
}

/** Puts all resting entries back in their places before their time, and cancels the outbox's own limits. */
export function wakeEarly<T>(queue: Queue<T>): void {
  queue.patience = createLimits()
  const entries = queue.resting.map(({ entry }) => ({ ...entry, hurried: true }))
  queue.resting = []
  place(queue, entries)
}

/** Puts resting entries whose time is over back in their places. */
function wakeResting<T>(queue: Queue<T>, now: number): void {
  if (queue.resting.length === 0) return
  const due = queue.resting.filter(({ until }) => until <= now)
  if (due.length === 0) return
  queue.resting = queue.resting.filter(({ until }) => until > now)
  place(
    queue,
    due.map(({ entry }) => entry),
  )
}

/** Returns the monotonic time from which an entry may be taken: 0 for now, `undefined` when nothing is waiting. */
export function readyAt<T>(queue: Queue<T>, now: number): number | undefined {
  let earliest: number | undefined
  const consider = (at: number): void => {
    if (earliest === undefined || at < earliest) earliest = at
  }
  for (const kind of queue.lanes.keys()) consider(waitsUntil(queue, kind, now))
  for (const { kind } of queue.aside) consider(waitsUntil(queue, kind, now))
  for (const { entry, until } of queue.resting) consider(Math.max(until, waitsUntil(queue, entry.kind, now)))
  return earliest
}

/** Returns all waiting entries in order. */
export function waiting<T>(queue: Queue<T>): Entry<T>[] {
  const entries = [...queue.lanes.values()].flatMap((lane) => laneEntries(lane))
  for (const entry of queue.aside) entries.push(entry)
  for (const { entry } of queue.resting) entries.push(entry)
  return entries.sort((a, b) => a.order - b.order)
}

/** Removes and returns all waiting entries in order. */
export function empty<T>(queue: Queue<T>): Entry<T>[] {
  const entries = waiting(queue)
  queue.lanes.clear()
  queue.resting = []
  queue.aside = []
  queue.queued = { items: 0, bytes: 0 }
  return entries
}

function count(of: { items: number; bytes: number }, bytes: number, items: number): void {
  of.bytes += bytes
  of.items += items
}

function laneOf<T>(queue: Queue<T>, kind: string): Lane<T> {
  const known = queue.lanes.get(kind)
  if (known) return known
  const lane = createLane<T>()
  queue.lanes.set(kind, lane)
  return lane
}

function place<T>(queue: Queue<T>, entries: readonly Entry<T>[]): void {
  const byKind = new Map<string, Entry<T>[]>()
  for (const entry of entries) {
    const some = byKind.get(entry.kind)
    if (some) some.push(entry)
    else byKind.set(entry.kind, [entry])
  }
  for (const [kind, some] of byKind) restore(laneOf(queue, kind), some)
}

/** Returns the lane whose first entry is the oldest that may be taken. */
function nextLane<T>(queue: Queue<T>, now: number): Lane<T> | undefined {
  let next: Lane<T> | undefined
  let order = Infinity
  for (const [kind, lane] of queue.lanes) {
    const entry = peek(lane)
    if (!entry || entry.order >= order || waitsUntil(queue, kind, now) > 0) continue
    next = lane
    order = entry.order
  }
  return next
}
