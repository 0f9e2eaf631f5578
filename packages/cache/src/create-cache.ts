import { createBatch } from './batch.ts'
import type { Cache, CacheOptions } from './cache.ts'
import { escapeGlob } from './glob.ts'
import { createInvalidation } from './invalidation.ts'
import { keyName, queryKey, queryPrefix } from './keys.ts'
import { createLookUp } from './look-up.ts'
import { createParts } from './parts.ts'
import { planOf, timeOf } from './plan.ts'
import { createRateLimiter } from './rate-limit.ts'
import { createReadThrough } from './read-through.ts'
import { refuse } from './refuse.ts'
import { snapshot, type CacheStats } from './stats.ts'
import { createWriter } from './writer.ts'

/** @throws ConfigError for options that make no cache. */
export function createCache(options: CacheOptions): Cache {
  const parts = createParts(options)
  const { driver, guard, keys, clock, flights, deliver } = parts
  const lookUp = createLookUp(parts)
  const writer = createWriter(parts, lookUp)
  const { cache } = createReadThrough(parts, lookUp)
  const { invalidate, invalidateTag } = createInvalidation(parts)
  const lookPlan = planOf(undefined)
  const stats = (): CacheStats => snapshot(parts.stats, flights.joined)

  const self: Cache = {
    ...parts.service,
    cache,
    ...createBatch(parts, lookUp, writer),
    cacheQuery: (name, params, load, ttl) => cache(queryKey(name, params), load, ttl),
    invalidateQuery: (name) => invalidate(`${escapeGlob(queryPrefix(name))}*`),
    invalidate,
    invalidateTag,
    async get<T>(key: string) {
      const name = keyName(key)
      const started = clock.monotonic()
      const sight = await flights.track([name], [], async (flight) => lookUp.see(name, lookPlan, flight))
      lookUp.count(name, sight, started)
      return (sight.held?.verdict === 'fresh' ? deliver(sight.held.shared) : undefined) as T | undefined
    },
    set: async (key, value, ttl) => writer.setMany([[key, value]], ttl),
    async increment(key, by = 1, ttl = '1d') {
      const name = keys.counter(keyName(key))
      const ttlMs = timeOf('ttl', ttl)
      if (!Number.isSafeInteger(by)) refuse('`by` must be an integer', 'CACHE_OPTION_INVALID')
      const { value } = await guard.call('increment', (signal) => driver.increment(name, by, ttlMs, signal))
      return value
    },
    cacheSession: (userId, data, ttl = 3600) => self.set(`session:${userId}`, data, ttl),
    getSession: (userId) => self.get(`session:${userId}`),
    invalidateSession: (userId) => invalidate(escapeGlob(`session:${userId}`)),
    rateLimit: createRateLimiter({ coordination: parts.coordination, keys, clock }),
    stats,
  }
  return self
}
