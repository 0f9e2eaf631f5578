import { systemClock, type Clock } from '@msc/core'
import { LRUCache } from 'lru-cache'
import type { CacheDriver } from '../driver.ts'
import { globToRegExp } from '../glob.ts'

export interface MemoryOptions {
  /** Default 10 000. */
  readonly maxEntries?: number
  /** Bytes of keys and values together, two for each UTF-16 unit. Default 64 MiB. */
  readonly maxBytes?: number
  readonly clock?: Clock
}

interface Entry {
  readonly text: string
  readonly expiresAt: number
}

/** The embedded driver: a bounded LRU in this process. Synchronous, gone on exit, seen by no other process. */
export function memory(options: MemoryOptions = {}): CacheDriver {
  const { maxEntries = 10_000, maxBytes = 64 * 1024 * 1024, clock = systemClock } = options
  const entries = new LRUCache<string, Entry>({
    max: maxEntries,
    maxSize: maxBytes,
    sizeCalculation: (entry, key) => (key.length + entry.text.length) * 2 + 64,
  })
  const live = (key: string): Entry | undefined => {
    const entry = entries.get(key)
    if (!entry || entry.expiresAt > clock.monotonic()) return entry
    entries.delete(key)
    return undefined
  }
  const put = (key: string, text: string, expiresAt: number): void => {
    entries.set(key, { text, expiresAt })
  }
  return {
    specificationVersion: 1,
    name: 'memory',
    capabilities: { shared: false, bounds: { maxEntries, maxBytes } },
    get: (key) => live(key)?.text,
    getMany: (keys) => keys.map((key) => live(key)?.text),
    set: (key, value, ttlMs) => put(key, value, clock.monotonic() + ttlMs),
    delete(keys) {
      let count = 0
      for (const key of keys) if (live(key) && entries.delete(key)) count += 1
      return count
    },
    increment(key, by, ttlMs) {
      const entry = live(key)
      const value = (entry ? Number(entry.text) : 0) + by
      const expiresAt = entry?.expiresAt ?? clock.monotonic() + ttlMs
      put(key, String(value), expiresAt)
      return { value, ttlMs: expiresAt - clock.monotonic() }
    },
    scan(pattern) {
      // One page: the walk is synchronous, so nothing can change under it.
      const expression = globToRegExp(pattern)
      return { keys: [...entries.keys()].filter((key) => expression.test(key) && live(key)) }
    },
    async health() {},
    async close() {
      entries.clear()
    },
  }
}
