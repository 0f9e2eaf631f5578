import { acceptEmbedded, defaultInstance, processEnv, type Duration, type Env } from '@msc/core'
import type { Loaded } from './batch.ts'
import type { Cache, CacheOptions } from './cache.ts'
import { createCache } from './create-cache.ts'
import { memory } from './drivers/memory.ts'
import { redisFromEnv } from './drivers/redis-from-env.ts'
import { upstashFromEnv } from './drivers/upstash-from-env.ts'
import type { FillOptions, Loader, SetOptions } from './plan.ts'
import type { RateLimitOptions, RateLimitResult } from './rate-limit.ts'

/** What {@link createCacheFromEnv} takes: all of {@link CacheOptions} but the driver, which the environment names. */
export type CacheFromEnvOptions = Omit<CacheOptions, 'driver'>

/**
 * A cache on the backend that the environment names: Upstash when its two variables are set, Redis with REDIS_URL, else memory.
 *
 * @throws ConfigError when they are half set, name no address, or are absent in production without `MSC_ALLOW_EMBEDDED`.
 */
export function createCacheFromEnv(options: CacheFromEnvOptions = {}, env: Env = processEnv()): Cache {
  const driver = upstashFromEnv(env) ?? redisFromEnv(env)
  if (driver) return createCache({ ...options, driver })
  acceptEmbedded(env, {
    scope: 'cache',
    driver: 'memory',
    risk: 'is seen by one process only, so invalidations and rate limits would not reach the others',
    variables: ['UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN', 'or REDIS_URL'],
  })
  return createCache({ ...options, driver: memory() })
}

const instance = defaultInstance<Cache>('@msc/cache', () => createCacheFromEnv())

/**
 * The cache that the functions below act on; made from the environment on first use.
 *
 * @throws ConfigError as {@link createCacheFromEnv}.
 */
export const getDefaultCache: () => Cache = instance.get
/** Replaces it; `undefined` has the next call make a new one. The old one is the caller's to close. */
export const setDefaultCache: (cache: Cache | undefined) => void = instance.set

/**
 * Makes the default cache from options and the environment, puts it in the place of the one before, and returns it. One
 * that this function or the first call had made is closed in the background; one that was given to
 * {@link setDefaultCache} stays its giver's to close.
 *
 * @throws ConfigError as {@link createCacheFromEnv}; the one before stays then.
 */
export function configureCache(options?: CacheFromEnvOptions, env?: Env): Cache {
  return instance.replace(createCacheFromEnv(options, env))
}

/** {@link Cache.cache} on the default cache. `ttl` in seconds, default 300. */
export function cache<T>(key: string, load: Loader<T>, ttl?: Duration | FillOptions<T>): Promise<T> {
  return getDefaultCache().cache(key, load, ttl)
}
/** {@link Cache.cacheQuery} on the default cache. */
export function cacheQuery<T>(
  name: string,
  params: unknown,
  load: Loader<T>,
  ttl?: Duration | FillOptions<T>,
): Promise<T> {
  return getDefaultCache().cacheQuery(name, params, load, ttl)
}
/** {@link Cache.invalidateQuery} on the default cache. */
export const invalidateQuery = (name: string): Promise<number> => getDefaultCache().invalidateQuery(name)
/** {@link Cache.invalidate} on the default cache. */
export const invalidate = (keyOrPattern: string): Promise<number> => getDefaultCache().invalidate(keyOrPattern)
/** {@link Cache.invalidateTag} on the default cache. */
export const invalidateTag = (tag: string): Promise<void> => getDefaultCache().invalidateTag(tag)
/** {@link Cache.getMany} on the default cache. */
export const getMany = <T>(keys: readonly string[]): Promise<(T | undefined)[]> => getDefaultCache().getMany<T>(keys)
/** {@link Cache.setMany} on the default cache. */
export const setMany = (
  entries: readonly (readonly [key: string, value: unknown])[],
  ttl?: Duration | SetOptions,
): Promise<boolean> => getDefaultCache().setMany(entries, ttl)
/** {@link Cache.cacheMany} on the default cache. */
export function cacheMany<T>(
  keys: readonly string[],
  loadMissing: (missing: string[]) => Loaded<T> | Promise<Loaded<T>>,
  ttl?: Duration | SetOptions,
): Promise<(T | undefined)[]> {
  return getDefaultCache().cacheMany(keys, loadMissing, ttl)
}
/** {@link Cache.get} on the default cache. */
export const get = <T>(key: string): Promise<T | undefined> => getDefaultCache().get<T>(key)
/** {@link Cache.set} on the default cache. */
export const set = (key: string, value: unknown, ttl?: Duration | SetOptions): Promise<boolean> =>
  getDefaultCache().set(key, value, ttl)
/** {@link Cache.increment} on the default cache. */
export const increment = (key: string, by?: number, ttl?: Duration): Promise<number> =>
  getDefaultCache().increment(key, by, ttl)
/** {@link Cache.cacheSession} on the default cache. */
export const cacheSession = (userId: string, data: unknown, ttl?: Duration): Promise<boolean> =>
  getDefaultCache().cacheSession(userId, data, ttl)
/** {@link Cache.getSession} on the default cache. */
export const getSession = <T>(userId: string): Promise<T | undefined> => getDefaultCache().getSession<T>(userId)
/** {@link Cache.invalidateSession} on the default cache. */
export const invalidateSession = (userId: string): Promise<number> => getDefaultCache().invalidateSession(userId)
/** {@link Cache.rateLimit} on the default cache. */
export function rateLimit(
  id: string,
  limit?: number,
  windowSeconds?: number,
  options?: RateLimitOptions,
): Promise<RateLimitResult> {
  return getDefaultCache().rateLimit(id, limit, windowSeconds, options)
}
