import { LRUCache } from 'lru-cache'
import type { Bounds } from './driver.ts'
import type { Shared } from './isolate.ts'

/** A value that this process holds decoded. Times are of the monotonic clock, in milliseconds. */
export interface NearEntry extends Shared {
  readonly freshUntil: number
  /** Until when it may be served without a question to the store behind it; not later than `freshUntil`. */
  readonly servedUntil: number
  /** When it is of no use to anybody any more, stale or not. */
  readonly goneAt: number
  /** How long its load took. */
  readonly loadMs: number
  readonly tags: readonly string[]
}

/** Decoded values of this process, bounded. */
export interface NearStore {
  get(key: string): NearEntry | undefined
  set(key: string, entry: NearEntry): void
  /** False when there was none. */
  delete(key: string): boolean
  /** How many were dropped, for the next two. */
  deleteMatching(expression: RegExp): number
  deleteTag(tag: string): number
  clear(): void
  /** Drops all and holds nothing any more. */
  close(): void
  readonly size: number
}

/** Drops what was used longest ago when there are too many entries or bytes. */
export function createNear({ maxEntries, maxBytes }: Bounds): NearStore {
  const tagged = new Map<string, Set<string>>()
  let closed = false
  const entries = new LRUCache<string, NearEntry>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: (entry, key) => entry.bytes + key.length * 2 + 64,
    dispose: (entry, key) => {
      for (const tag of entry.tags) {
        const keys = tagged.get(tag)
        keys?.delete(key)
        if (keys?.size === 0) tagged.delete(tag)
      }
    },
  })
  return {
    get: (key) => entries.get(key),
    set(key, entry) {
      if (closed) return
      entries.set(key, entry)
      // A value larger than the whole store is not kept, and must leave no trace in the index.
      if (entry.tags.length === 0 || !entries.has(key)) return
      for (const tag of entry.tags) {
        const keys = tagged.get(tag)
        if (keys) keys.add(key)
        else tagged.set(tag, new Set([key]))
      }
    },
    delete: (key) => entries.delete(key),
    deleteMatching(expression) {
      let count = 0
      for (const key of Array.from(entries.keys())) if (expression.test(key) && entries.delete(key)) count += 1
      return count
    },
    deleteTag(tag) {
      let count = 0
      for (const key of Array.from(tagged.get(tag) ?? [])) if (entries.delete(key)) count += 1
      return count
    },
    clear: () => entries.clear(),
    close() {
      closed = true
      entries.clear()
    },
    get size() {
      return entries.size
    },
  }
}
