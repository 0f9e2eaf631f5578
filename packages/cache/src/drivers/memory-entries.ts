import type { Clock } from '@msc/core'
import { LRUCache } from 'lru-cache'
import type { Bounds, Counter } from '../driver.ts'
import { globToRegExp } from '../glob.ts'

/** What a driver keeps, in this process: synchronous, so that whatever is done in one turn is atomic. */
export interface MemoryEntries {
  get(key: string): string | undefined
  set(key: string, value: string, ttlMs: number): void
  /** False when there was none. */
  delete(key: string): boolean
  increment(key: string, by: number, ttlMs: number): Counter
  matching(pattern: string): string[]
  clear(): void
}

interface Entry {
  readonly text: string
  readonly expiresAt: number
}

/** Drops what was used longest ago when there are too many entries or bytes. */
export function createMemoryEntries({ maxEntries, maxBytes }: Bounds, clock: Clock): MemoryEntries {
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
  return {
    get: (key) => live(key)?.text,
    set(key, value, ttlMs) {
      entries.set(key, { text: value, expiresAt: clock.monotonic() + ttlMs })
    },
    delete: (key) => live(key) !== undefined && entries.delete(key),
    increment(key, by, ttlMs) {
      const entry = live(key)
      const value = (entry ? Number(entry.text) : 0) + by
      const expiresAt = entry?.expiresAt ?? clock.monotonic() + ttlMs
      entries.set(key, { text: String(value), expiresAt })
      return { value, ttlMs: expiresAt - clock.monotonic() }
    },
    matching(pattern) {
      const expression = globToRegExp(pattern)
      return [...entries.keys()].filter((key) => expression.test(key) && live(key))
    },
    clear: () => entries.clear(),
  }
}
