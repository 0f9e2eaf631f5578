/** A bounded queue that drops the newest when full: what was accepted first is kept, and the count says what was not. */
export interface BoundedQueue<T> {
  /** False when it was full. */
  push(item: T): boolean
  /** Takes up to `count` from the front. */
  take(count: number): T[]
  /** Puts a batch back at the front; returns how many did not fit. */
  putBack(items: readonly T[]): number
  readonly size: number
}

export function createBoundedQueue<T>(capacity: number): BoundedQueue<T> {
  let items: T[] = []
  return {
    push(item) {
      if (items.length >= capacity) return false
      items.push(item)
      return true
    },
    take(count) {
      const taken = items.slice(0, count)
      items = items.slice(count)
      return taken
    },
    putBack(batch) {
      const room = Math.max(0, capacity - items.length)
      const kept = batch.slice(0, room)
      items = [...kept, ...items]
      return batch.length - kept.length
    },
    get size() {
      return items.length
    },
  }
}
