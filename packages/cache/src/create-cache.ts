import { duration, emit, systemClock, toError, type Clock, type Duration, type Health, type Service } from '@msc/core'
import { decode, encode } from './codec.ts'
import type { CacheDriver } from './driver.ts'
import { memory } from './drivers/memory.ts'
import { createFlights } from './flights.ts'
import { escapeGlob, globToRegExp, isGlob, unescapeGlob } from './glob.ts'
import { createGuard } from './guarded-driver.ts'
import { queryKey, storeKey } from './keys.ts'
import { createRateLimiter, type RateLimitOptions, type RateLimitResult } from './rate-limit.ts'
import { createStats, snapshot, type CacheStats } from './stats.ts'

export interface CacheOptions {
  readonly driver: CacheDriver
  /** Put before every key. Default `msc`. */
  readonly namespace?: string
  /** Milliseconds for one store operation; after that the caller is served without the store. Default 500. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  /** Called for each store operation that failed, at most once a second. Default: a line on the console. */
  readonly onError?: (error: Error, operation: string) => void
}

export interface FillOptions {
  /** Seconds or a string such as `'5m'`. Default 300 seconds. */
  readonly ttl?: Duration
  /** Ends this caller's wait; the load goes on for the others. */
  readonly signal?: AbortSignal
}

export interface Cache extends Service {
  readonly concern: 'cache'
  /**
   * The cached value of `key`, or what `load` returns, kept for `ttl`.
   *
   * One load per key at a time in this process; its failure is shared by those who wait, and thrown once, unchanged.
   * `undefined` is returned and not kept. While the store is away every caller is served by `load`.
   */
  cache<T>(key: string, load: () => T | Promise<T>, ttl?: Duration | FillOptions): Promise<T>
  /** `cache` under a key made of the query's name and parameters; their property order makes no difference. */
  cacheQuery<T>(name: string, params: unknown, load: () => T | Promise<T>, ttl?: Duration | FillOptions): Promise<T>
  /** Drops all entries of the query, whatever their parameters. Returns how many there were. */
  invalidateQuery(name: string): Promise<number>
  /**
   * Drops a key, or all keys that match a pattern (`*`, `?`, `\` to escape). A load that is under way is not kept.
   * Returns how many there were.
   *
   * @throws DriverError, DeadlineError or UnavailableError: the caller must know that old values may still be served.
   */
  invalidate(keyOrPattern: string): Promise<number>
  /** The value, or `undefined`: absent, expired, unreadable, or the store is away. */
  get<T>(key: string): Promise<T | undefined>
  /** False when the store is away. @throws ValidationError when the value can't be stored. */
  set(key: string, value: unknown, ttl?: Duration): Promise<boolean>
  /**
   * Adds `by` (default 1) and returns the sum. A new counter expires after `ttl` (default 1 day).
   * @throws while the store is away: a made-up count would be worse.
   */
  increment(key: string, by?: number, ttl?: Duration): Promise<number>
  /** Default `ttl` 3 600 seconds. False when the store is away. */
  cacheSession(userId: string, data: unknown, ttl?: Duration): Promise<boolean>
  getSession<T>(userId: string): Promise<T | undefined>
  invalidateSession(userId: string): Promise<number>
  /** Counts a call against `limit` per window; defaults 100 per 60 seconds. Never throws for a store that is away. */
  rateLimit(id: string, limit?: number, windowSeconds?: number, options?: RateLimitOptions): Promise<RateLimitResult>
  stats(): CacheStats
}

export function createCache(options: CacheOptions): Cache {
  const { driver, namespace = 'msc', timeoutMs = 500, clock = systemClock } = options
  const guard = createGuard(driver, { timeoutMs, clock })
  const fallback = memory({ maxEntries: 10_000, clock })
  const flights = createFlights()
  const stats = createStats()
  const limit = createRateLimiter({ driver, guard, fallback, namespace, clock })
  const complain = options.onError ?? ((error, operation) => console.warn(`${operation} failed: ${error.message}`))

  let complainedAt = -Infinity
  const failed = (operation: string, error: unknown): void => {
    stats.errors += 1
    const now = clock.monotonic()
    if (now - complainedAt < 1000) return
    complainedAt = now
    complain(toError(error), `[msc/cache] ${operation}`)
  }

  const read = async (key: string): Promise<{ readonly value: unknown } | undefined> => {
    const started = clock.monotonic()
    try {
      const pending = guard.call('get', (signal) => driver.get(storeKey(namespace, key), signal))
      const text = pending instanceof Promise ? await pending : pending
      const decoded = text === undefined ? undefined : decode(text)
      if (decoded?.ok) {
        stats.hits += 1
        emit('cache.get', { key, outcome: 'hit', tier: driver.name }, started)
        return decoded
      }
      stats.misses += 1
      emit('cache.get', { key, outcome: 'miss', tier: driver.name }, started)
    } catch (error) {
      stats.misses += 1
      emit('cache.get', { key, outcome: 'error', tier: driver.name }, started)
      failed('get', error)
    }
    return undefined
  }

  const write = async (key: string, value: unknown, ttl: Duration): Promise<boolean> => {
    const started = clock.monotonic()
    const text = encode(value)
    const ttlMs = duration(ttl)
    if (ttlMs === 0) return true
    try {
      await guard.call('set', (signal) => driver.set(storeKey(namespace, key), text, ttlMs, signal))
      emit('cache.set', { key, outcome: 'ok' }, started)
      return true
    } catch (error) {
      emit('cache.set', { key, outcome: 'error' }, started)
      failed('set', error)
      return false
    }
  }

  const fill = async <T>(
    key: string,
    load: () => T | Promise<T>,
    ttl: Duration,
    flight: { keep: boolean },
  ): Promise<T> => {
    const found = await read(key)
    // A hit read before an invalidation that has finished since is not served.
    if (found && flight.keep) return found.value as T
    const started = clock.monotonic()
    stats.loads += 1
    let value: T
    try {
      value = await load()
      emit('cache.load', { key, outcome: 'ok' }, started)
    } catch (error) {
      emit('cache.load', { key, outcome: 'error' }, started)
      throw error
    }
    if (value !== undefined && flight.keep) {
      await write(key, value, ttl)
      // The invalidation may have run while the write was on its way, and lost: repeat it.
      if (!flight.keep) await remove([storeKey(namespace, key)]).catch((error: unknown) => failed('delete', error))
    }
    return value
  }

  const remove = async (keys: readonly string[]): Promise<number> =>
    guard.call('delete', (signal) => driver.delete(keys, signal))

  const removeMatching = async (pattern: string): Promise<number> => {
    let count = 0
    let cursor: string | undefined
    do {
      const at = cursor
      const page = await guard.call('scan', (signal) => driver.scan(pattern, at, signal))
      if (page.keys.length > 0) count += await remove(page.keys)
      cursor = page.cursor
    } while (cursor !== undefined)
    return count
  }

  const self: Cache = {
    concern: 'cache',
    driverName: driver.name,
    cache(key, load, options) {
      const { ttl = 300, signal } = typeof options === 'object' ? options : { ttl: options ?? 300, signal: undefined }
      const shared = flights.join(storeKey(namespace, key), (flight) => fill(key, load, ttl, flight)) as Promise<
        Awaited<ReturnType<typeof load>>
      >
      return signal ? abortable(shared, signal) : shared
    },
    cacheQuery: (name, params, load, ttl) => self.cache(queryKey(name, params), load, ttl),
    invalidateQuery: (name) => self.invalidate(`${escapeGlob(`query:${name}:`)}*`),
    async invalidate(keyOrPattern) {
      const started = clock.monotonic()
      const glob = isGlob(keyOrPattern)
      const key = storeKey(namespace, glob ? keyOrPattern : unescapeGlob(keyOrPattern))
      const pattern = `${escapeGlob(namespace)}:${keyOrPattern}`
      const expression = glob ? globToRegExp(pattern) : undefined
      flights.invalidate((running) => (expression ? expression.test(running) : running === key))
      try {
        const count = await (glob ? removeMatching(pattern) : remove([key]))
        emit('cache.delete', { pattern: keyOrPattern, count, outcome: 'ok' }, started)
        return count
      } catch (error) {
        emit('cache.delete', { pattern: keyOrPattern, count: 0, outcome: 'error' }, started)
        stats.errors += 1
        throw error
      }
    },
    async get<T>(key: string) {
      return (await read(key))?.value as T | undefined
    },
    async set(key, value, ttl = 300) {
      const stored = storeKey(namespace, key)
      flights.invalidate((running) => running === stored)
      return write(key, value, ttl)
    },
    async increment(key, by = 1, ttl = '1d') {
      const { value } = await guard.call('increment', (signal) =>
        // A counter is not a codec value, so it lives beside the cached ones.
        driver.increment(storeKey(namespace, `count:${key}`), by, duration(ttl), signal),
      )
      return value
    },
    cacheSession: (userId, data, ttl = 3600) => self.set(`session:${userId}`, data, ttl),
    getSession: (userId) => self.get(`session:${userId}`),
    invalidateSession: (userId) => self.invalidate(escapeGlob(`session:${userId}`)),
    rateLimit: (id, max = 100, windowSeconds = 60, rateOptions) => limit(id, max, windowSeconds, rateOptions),
    stats: () => snapshot(stats),
    async health({ timeoutMs: budget = 2000 } = {}): Promise<Health> {
      const started = clock.monotonic()
      const base = { concern: 'cache', driver: driver.name, stats: { ...snapshot(stats) } }
      try {
        await createGuard(driver, { timeoutMs: budget, clock }).call('health', (signal) => driver.health(signal))
        return {
          ...base,
          status: guard.breaker.state === 'closed' ? 'ready' : 'degraded',
          latencyMs: clock.monotonic() - started,
        }
      } catch (error) {
        return { ...base, status: 'down', latencyMs: clock.monotonic() - started, detail: toError(error).message }
      }
    },
    async flush() {
      // Writes are awaited by whoever caused them; nothing is buffered.
    },
    async close() {
      await fallback.close()
      await driver.close()
    },
  }
  return self
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
