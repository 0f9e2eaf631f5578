import { ConfigError } from '@msc/core'

/** @throws ConfigError `JWT_SECRET_INVALID` for what is no text of at least 32 characters. */
export function assertJwtSecret(secret: unknown): asserts secret is string {
  // A promise that was not awaited has a text form that anybody can guess.
  if (typeof secret === 'string' && secret.length >= 32) return
  throw new ConfigError('[msc/realtime] The JWT secret is not a text of at least 32 characters.', {
    code: 'JWT_SECRET_INVALID',
    hint: 'Set SUPABASE_JWT_SECRET to at least 32 random characters, and pass it as `jwtSecret`.',
  })
}
