import type { Entry } from '../entry.ts'

/**
 * The waiting entries of one kind, in order. Taking and putting back cost the same whatever is waiting: what was put
 * back lies on a stack in front of the array that entries are appended to.
 */
export interface Lane<T> {
  /** The next one is the last of these. */
  readonly front: Entry<T>[]
  back: (Entry<T> | undefined)[]
  /** Where `back` begins; what was before it has left. */
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
  // What has left must not be held by an array that is shortened later.
  lane.back[lane.head] = undefined
  lane.head += 1
  // Each entry is moved at most once for every time that as many have left, which is constant for each.
  if (lane.head > 64 && lane.head * 2 > lane.back.length) {
    lane.back = lane.back.slice(lane.head)
    lane.head = 0
  }
  return entry
}

/** Puts entries back where their order says. They were taken from the front, so hardly anything is before them. */
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
