import { processEnv, readEnvGroup, type Env } from '@msc/core'
import type { CacheDriver } from '../driver.ts'
import { endpointOf } from '../endpoint.ts'
import { lazyCacheDriver } from '../lazy-driver.ts'
import { assertUpstash } from './upstash-address.ts'

const VARIABLES = ['UPSTASH_REDIS_REST_URL', 'UPSTASH_REDIS_REST_TOKEN'] as const

/**
 * The driver that UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN describe, or `undefined` when neither is set. Its
 * code is loaded with the first call.
 *
 * @throws ConfigError `CONFIG_HALF_SET` naming the one that is missing, `ADDRESS_INVALID`, `UPSTASH_TOKEN_INVALID`.
 */
export function upstashFromEnv(env: Env = processEnv()): CacheDriver | undefined {
  const found = readEnvGroup(env, 'cache', VARIABLES)
  if (!found) return undefined
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = found
  // Now, not with the first call: a deployment that can't work must not start.
  assertUpstash(url, token)
  const declared = { name: 'upstash', endpoint: endpointOf(url), variables: VARIABLES }
  return lazyCacheDriver(declared, { shared: true }, async () => (await import('./upstash.ts')).upstash({ url, token }))
}
