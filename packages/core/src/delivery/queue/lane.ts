import type { Entry } from '../entry.ts'

/**
 * The waiting entries of one kind, in order. Taking and putting back take constant time however many are waiting: entries
 * that were put back are on a stack in front of the array that new entries are appended to.
 */
export interface Lane<T> {
  /** A stack: its last entry is the next to leave. */
  readonly front: Entry<T>[]
  back: (Entry<T> | undefined)[]
  /** The index of the first entry in `back` that has not left. */
  head: number
}

export function createLane<T>(): Lane<T> {
  return { front: [], back: [], head: 0 }
}

export function laneSize<T>(lane: Lane<T>): number {
  return lane.front.length + lane.back.length - lane.head
}

export function peek<T>(lane: Lane<T>): Entry<T> | undefined {
  return lane.front.at(-1) ?? lane.back[lane.head]
}

export function append<T>(lane: Lane<T>, entry: Entry<T>): void {
  lane.back.push(entry)
}

export function shift<T>(lane: Lane<T>): Entry<T> | undefined {
  const returned = lane.front.pop()
  if (returned) return returned
  const entry = lane.back[lane.head]
  if (!entry) return undefined
  // Cleared because the array, which is only shortened later, would keep the entry in memory.
  lane.back[lane.head] = undefined
  lane.head += 1
  // An entry is copied only after at least as many have left, so the amortised cost per entry is constant.
  if (lane.head > 64 && lane.head * 2 > lane.back.length) {
    lane.back = lane.back.slice(lane.head)
    lane.head = 0
  }
  return entry
}

/** Puts entries back by their order. They were taken from the front, so hardly any entries precede them. */
export function restore<T>(lane: Lane<T>, entries: readonly Entry<T>[]): void {
  const sorted = [...entries].sort((a, b) => a.order - b.order)
  const last = sorted.at(-1)
  if (!last) return
  const earlier: Entry<T>[] = []
  for (let next = peek(lane); next && next.order < last.order; next = peek(lane)) {
    earlier.push(next)
    shift(lane)
  }
  const merged = earlier.length === 0 ? sorted : [...earlier, ...sorted].sort((a, b) => a.order - b.order)
  for (const entry of merged.reverse()) lane.front.push(entry)
}

export function laneEntries<T>(lane: Lane<T>): Entry<T>[] {
  const entries = [...lane.front].reverse()
  for (const entry of lane.back.slice(lane.head)) if (entry) entries.push(entry)
  return entries
}
