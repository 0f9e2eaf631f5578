import { assertNumbers, systemClock, type Clock } from '@msc/core'
import type { CacheDriver } from '../driver.ts'
import { createMemoryEntries } from './memory-entries.ts'

export interface MemoryOptions {
  /** Default 10 000. */
  readonly maxEntries?: number
  /** Bytes of keys and values together, two for each UTF-16 unit. Default 64 MiB. */
  readonly maxBytes?: number
  readonly clock?: Clock
}

/**
 * The embedded driver: a bounded LRU in this process. Synchronous, gone on exit, seen by no other process.
 *
 * @throws ConfigError `OPTION_INVALID` for a bound that is no number.
 */
export function memory(options: MemoryOptions = {}): CacheDriver {
  assertNumbers('cache', options, { maxEntries: 0, maxBytes: 0 })
  const { maxEntries = 10_000, maxBytes = 64 * 1024 * 1024, clock = systemClock } = options
  const bounds = { maxEntries, maxBytes }
  const entries = createMemoryEntries(bounds, clock)
  return {
    specificationVersion: 1,
    name: 'memory',
    capabilities: { shared: false, bounds },
    get: entries.get,
    getMany: (keys) => keys.map(entries.get),
    set: entries.set,
    delete: (keys) => keys.filter(entries.delete).length,
    increment: entries.increment,
    // One page: the walk is synchronous, so nothing can change under it.
    scan: (pattern) => ({ keys: entries.matching(pattern) }),
    async health() {},
    async close() {
      entries.clear()
    },
  }
}
