import { ConfigError, assertWebAddress, isCredential } from '@msc/core'

/**
 * Refuses an address and a token that no request can be made with, before one is. Neither is in the error: what was
 * pasted into the wrong variable may be the other one.
 *
 * @throws ConfigError
 */
export function assertUpstash(url: string, token: string): void {
  assertWebAddress(url, '[msc/cache] [upstash]', 'UPSTASH_REDIS_REST_URL')
  if (!isCredential(token)) {
    throw new ConfigError(
      '[msc/cache] [upstash] The token is in quotes, or has a character that no header field can carry.',
      {
        code: 'UPSTASH_TOKEN_INVALID',
        hint: 'Set UPSTASH_REDIS_REST_TOKEN again: it must be one line, without spaces and quotation marks.',
      },
    )
  }
}
