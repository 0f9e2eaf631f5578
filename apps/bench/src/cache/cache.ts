import { benchHitRate } from './hit-rate.ts'
import { benchHits, benchLimiter, benchStampede } from './memory.ts'
import { benchRedis } from './redis.ts'

/** What the cache costs, in memory and on Redis, beside the least that it could and beside what else there is. */
export async function benchCache(): Promise<void> {
  await benchLimiter()
  await benchHits()
  await benchStampede()
  await benchRedis()
  await benchHitRate()
}
