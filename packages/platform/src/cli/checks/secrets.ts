import { readEnv, type Env } from '@msc/core'
import { describeShortSecret, shortSecrets, type SecretRule } from '../../profile/secrets.ts'
import { assertDistinct, assertTokenSecret, type RealtimeTokens } from '../../profile/secret-pairs.ts'
import { assertSupabaseKeys } from '../../profile/supabase-keys.ts'
import { fine, type Finding } from '../finding.ts'

export { SECRETS, type SecretRule } from '../../profile/secrets.ts'

/**
 * Finds secrets that are set and short enough to be guessed.
 *
 * @throws ConfigError `SUPABASE_KEYS_SWAPPED`, `SUPABASE_JWT_SECRET_MISSING`, `SECRET_SHARED` and `SECRET_PUBLISHED`.
 */
export function checkSecrets(
  env: Env,
  rules: Readonly<Record<string, SecretRule>>,
  realtimeTokens?: RealtimeTokens,
): Finding[] {
  assertSupabaseKeys(env)
  assertTokenSecret(env, realtimeTokens)
  assertDistinct(env, Object.keys(rules))
  const set = Object.keys(rules).filter((name) => readEnv(env, name) !== undefined)
  if (set.length === 0) return []
  const short = shortSecrets(env, rules)
  if (short.length === 0) return [fine('secrets', set.join(', '))]
  return short.map((secret) => ({
    check: 'secrets',
    // The server refuses to start with it: see `assertSecrets`.
    status: 'error',
    code: 'SECRET_TOO_SHORT',
    subject: secret.name,
    ...describeShortSecret(secret),
  }))
}
