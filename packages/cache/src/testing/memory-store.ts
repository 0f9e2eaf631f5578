import { closedError, systemClock, type Clock } from '@msc/core'
import type { CacheDriver } from '../driver.ts'
import { createMemoryEntries } from '../drivers/memory-entries.ts'
import { memoryCoordination, type MemoryState } from './memory-coordination.ts'

/** A store that several engines of one process share, as processes share a Redis. */
export interface MemoryStore {
  /** A connection to it; closing one leaves what is stored to the others. */
  connect(): CacheDriver
}

/**
 * For tests of what happens between processes, without a server: each connection is a driver that says it is shared,
 * and has `coordination`.
 *
 * @example
 * const store = memoryStore()
 * const one = createCache({ driver: store.connect(), local: true })
 * const other = createCache({ driver: store.connect() })
 */
export function memoryStore({ clock = systemClock }: { readonly clock?: Clock } = {}): MemoryStore {
  const entries = createMemoryEntries({ maxEntries: 100_000, maxBytes: 256 * 1024 * 1024 }, clock)
  const state: MemoryState = { entries, logs: new Map(), clock }
  return {
    connect() {
      let closed = false
      const ready = (signal: AbortSignal): void => {
        if (closed) throw closedError('memory-store')
        signal.throwIfAborted()
      }
      return {
        specificationVersion: 1,
        name: 'memory-store',
        capabilities: { shared: true },
        async get(key, signal) {
          ready(signal)
          return entries.get(key)
        },
        async getMany(keys, signal) {
          ready(signal)
          return keys.map(entries.get)
        },
        async set(key, value, ttlMs, signal) {
          ready(signal)
          entries.set(key, value, ttlMs)
        },
        async setMany(batch, signal) {
          ready(signal)
          for (const { key, value, ttlMs } of batch) entries.set(key, value, ttlMs)
        },
        async delete(keys, signal) {
          ready(signal)
          return keys.filter(entries.delete).length
        },
        async increment(key, by, ttlMs, signal) {
          ready(signal)
          return entries.increment(key, by, ttlMs)
        },
        async scan(pattern, _cursor, signal) {
          ready(signal)
          return { keys: entries.matching(pattern) }
        },
        coordination: memoryCoordination(state, ready),
        async health(signal) {
          ready(signal)
        },
        async close() {
          closed = true
        },
      }
    },
  }
}
