import { processEnv, readEnv, type Env } from '@msc/core'
import type { CacheDriver } from '../driver.ts'
import { endpointOf } from '../endpoint.ts'
import { lazyCacheDriver } from '../lazy-driver.ts'
import { assertRedisAddress } from './redis-address.ts'

const VARIABLES = ['REDIS_URL'] as const

/**
 * The driver that REDIS_URL describes, or `undefined` without it. Its code is loaded with the first call.
 *
 * @throws ConfigError `REDIS_URL_INVALID`.
 */
export function redisFromEnv(env: Env = processEnv()): CacheDriver | undefined {
  const url = readEnv(env, VARIABLES[0])
  if (url === undefined) return undefined
  assertRedisAddress(url)
  const declared = { name: 'redis', endpoint: endpointOf(url), variables: VARIABLES }
  return lazyCacheDriver(declared, { shared: true, cancels: false }, async () =>
    (await import('./redis.ts')).redis({ url }),
  )
}
