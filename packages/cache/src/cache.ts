import type { Clock, Duration, ErrorReporter, Service } from '@msc/core'
import type { Bounds, CacheDriver } from './driver.ts'
import type { CacheBatch } from './batch.ts'
import type { FillOptions, Loader, SetOptions } from './plan.ts'
import type { RateLimitOptions, RateLimitResult } from './rate-limit.ts'
import type { CacheStats } from './stats.ts'

export interface CacheOptions {
  readonly driver: CacheDriver
  /** Put before every key, so that several services may share one store. Letters, digits, `.`, `-`, `_`. Default `msc`. */
  readonly namespace?: string
  /** Milliseconds for one store operation; after that the caller is served without the store. Default 500. */
  readonly timeoutMs?: number
  /**
   * A tier in memory before the store; what other processes invalidate leaves it within a second. `true` holds 10 000
   * entries, 64 MiB, each for 30 seconds at most. Default false.
   */
  readonly local?: boolean | Partial<LocalOptions>
  /** Milliseconds between two looks at what other processes have invalidated, with `local`. Default 400. */
  readonly pollMs?: number
  /** Milliseconds after which a process that loads and has died is not waited for. Default 5 000. */
  readonly leaseMs?: number
  /** Milliseconds to wait at most for another process that loads the same key. Default 10 000. */
  readonly lockWaitMs?: number
  /** Compresses values of more characters than this in the store. Default: none. */
  readonly compressAbove?: number
  /**
   * Gives each caller a copy that it may change. By default plain data is frozen, and shared by all callers, which is
   * faster, and throws where somebody changes it.
   */
  readonly copies?: boolean
  readonly clock?: Clock
  /** Uniform in [0, 1). */
  readonly random?: () => number
  /**
   * Told of what fails where nobody waits (store operations, refreshes, a caller's `waitUntil`), at most once a second
   * for each operation. Default: the reporter of the process (`setErrorReporter` of @msc/core), else the console.
   */
  readonly onError?: ErrorReporter
}

export interface LocalOptions extends Bounds {
  /** Milliseconds that a value is served without a question to the store, at most. */
  readonly ttlMs: number
}

export interface Cache extends Service, CacheBatch {
  readonly concern: 'cache'
  /**
   * The cached value of `key`, or what `load` returns, kept for `ttl`.
   *
   * One load per key at a time, among all processes where the store can; its failure is shared by those who wait, and
   * thrown once, unchanged. `undefined` is returned and not kept. While the store is away every caller is served by
   * what is held in memory, or by `load`. Plain data is frozen (see `copies`).
   */
  cache<T>(key: string, load: Loader<T>, ttl?: Duration | FillOptions<T>): Promise<T>
  /** `cache` under a key made of the query's name and parameters; their property order makes no difference. */
  cacheQuery<T>(name: string, params: unknown, load: Loader<T>, ttl?: Duration | FillOptions<T>): Promise<T>
  /** Drops all entries of the query, whatever their parameters. Returns how many there were. */
  invalidateQuery(name: string): Promise<number>
  /**
   * Drops a key, or all keys that match a pattern (`*`, `?`, `\` to escape). A load that is under way, in whichever
   * process, is not kept. Returns how many there were. A key of more than 512 characters keeps its first 478: patterns
   * match those.
   *
   * @throws DriverError, DeadlineError or UnavailableError: the caller must know that old values may still be served.
   */
  invalidate(keyOrPattern: string): Promise<number>
  /** Drops every entry that carries the tag, as `invalidate` does, at one write whatever their number. */
  invalidateTag(tag: string): Promise<void>
  /** The value, or `undefined`: absent, stale, unreadable, or the store is away. */
  get<T>(key: string): Promise<T | undefined>
  /** False when the store is away. @throws ValidationError when the value can't be stored. */
  set(key: string, value: unknown, ttl?: Duration | SetOptions): Promise<boolean>
  /**
   * Adds `by` (default 1) and returns the sum; 0 reads it. A new counter expires after `ttl` (default 1 day). Counters
   * are apart from values: `invalidate` doesn't reach them.
   * @throws ValidationError for a `by` that is no whole number or a `ttl` that is too long, before anything is written;
   * while the store is away, since a made-up count would be worse.
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
