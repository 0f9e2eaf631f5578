import { ADDRESS_HINT, ConfigError, parseServerAddress } from '@msc/core'

/**
 * Refuses what is no address of Redis before a connection is made. The value is not in the error: it is likely to hold a
 * password.
 *
 * @throws ConfigError `REDIS_URL_INVALID`.
 */
export function assertRedisAddress(url: string | undefined): void {
  if (parseServerAddress(url, /^rediss?:$/)?.host) return
  throw new ConfigError(
    '[msc/cache] [redis] REDIS_URL is not an address of Redis, or the option `url` is missing or none.',
    {
      code: 'REDIS_URL_INVALID',
      hint: `Set REDIS_URL to redis://host:port, or rediss:// for TLS. ${ADDRESS_HINT}`,
    },
  )
}
