import './operations.ts'
export type { CacheBatch, Loaded } from './batch.ts'
export type { Cache, CacheOptions, LocalOptions } from './cache.ts'
export type {
  Acquired,
  CacheCoordination,
  LeaseClaim,
  LimitRule,
  LimitVerdict,
  LimitVerdicts,
  LogAppend,
  LogPage,
  LogRecord,
} from './coordination.ts'
export { createCache } from './create-cache.ts'
export {
  cache,
  cacheMany,
  cacheQuery,
  cacheSession,
  configureCache,
  createCacheFromEnv,
  get,
  getDefaultCache,
  getMany,
  getSession,
  increment,
  invalidate,
  invalidateQuery,
  invalidateSession,
  invalidateTag,
  rateLimit,
  set,
  setDefaultCache,
  setMany,
  type CacheFromEnvOptions,
} from './default-cache.ts'
export type { Bounds, CacheCapabilities, CacheDriver, Counter, PromiseOr, ScanPage, StoredEntry } from './driver.ts'
export { escapeGlob } from './glob.ts'
export type { FillOptions, LoadContext, Loader, SetOptions } from './plan.ts'
export type { OnUnavailable, RateLimitOptions, RateLimitResult, RuleResult } from './rate-limit.ts'
export { rateLimitHeaders, rateLimitResponse, type RateLimitPolicy } from './rate-limit-response.ts'
export {
  judgeCall,
  type RateLimitAlgorithm,
  type RateLimitRule,
  type RuleState,
  type Verdict,
} from './rate-limit-rules.ts'
export type { CacheStats } from './stats.ts'
