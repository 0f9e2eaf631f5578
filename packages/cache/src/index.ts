export { createCache, type Cache, type CacheOptions, type FillOptions } from './create-cache.ts'
export {
  cache,
  cacheQuery,
  cacheSession,
  createCacheFromEnv,
  get,
  getDefaultCache,
  getSession,
  increment,
  invalidate,
  invalidateQuery,
  invalidateSession,
  rateLimit,
  set,
  setDefaultCache,
} from './default-cache.ts'
export type { CacheCapabilities, CacheDriver, Counter, PromiseOr, ScanPage, Script, StoredEntry } from './driver.ts'
export { escapeGlob } from './glob.ts'
export { rateLimitHeaders, type OnUnavailable, type RateLimitOptions, type RateLimitResult } from './rate-limit.ts'
export type { CacheStats } from './stats.ts'
