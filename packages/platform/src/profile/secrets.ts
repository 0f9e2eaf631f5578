import {
  ConfigError,
  assertChoice,
  assertNumbers,
  assertOptions,
  assertText,
  processEnv,
  readEnv,
  type Env,
} from '@msc/core'
import { assertDistinct, assertTokenSecret, type RealtimeTokens } from './secret-pairs.ts'
import { assertSupabaseKeys } from './supabase-keys.ts'

export interface SecretRule {
  readonly minBytes: number
  /** What the secret protects; errors and findings say so. */
  readonly purpose: string
}

/**
 * The secrets that the packages read. HS256 needs a key as long as its hash (RFC 7518, section 3.2); Vercel asks for 16
 * characters (https://vercel.com/docs/cron-jobs/manage-cron-jobs).
 */
export const SECRETS: Readonly<Record<string, SecretRule>> = {
  CRON_SECRET: { minBytes: 16, purpose: 'opens the routes of scheduled jobs' },
  SUPABASE_JWT_SECRET: { minBytes: 32, purpose: 'signs realtime tokens' },
}

export interface SecretsOptions {
  /**
   * How tokens for Supabase Realtime are signed: `secret` by SUPABASE_JWT_SECRET, which has to be set outside the profile `local`
   * (default); `jwks` by a key whose public half the project knows, so that the secret is not needed.
   */
  readonly realtimeTokens?: RealtimeTokens
}

export interface ShortSecret extends SecretRule {
  readonly name: string
  readonly bytes: number
}

/** Returns the secrets that are set and short enough to be guessed. */
export function shortSecrets(env: Env, rules: Readonly<Record<string, SecretRule>>): ShortSecret[] {
  return Object.entries(rules).flatMap(([name, rule]) => {
    const bytes = bytesOf(readEnv(env, name))
    return bytes === undefined || bytes >= rule.minBytes ? [] : [{ name, ...rule, bytes }]
  })
}

/** Says what is wrong with a secret and what to do, without the secret. */
export function describeShortSecret({ name, purpose, bytes, minBytes }: ShortSecret): {
  readonly detail: string
  readonly hint: string
} {
  return {
    detail: `${name}, which ${purpose}, has ${bytes} bytes and can be guessed; it needs at least ${minBytes}.`,
    hint: `Set ${name} to a long random value, for example what \`openssl rand -base64 48\` prints.`,
  }
}

/**
 * Refuses to start with a secret that can be guessed. Call it once, where the server starts: a secret is used in several
 * places, and a check in one of them says nothing of the others.
 *
 * @param rules Secrets of the application's own, beside those that the packages read.
 * @throws ConfigError `SECRET_TOO_SHORT`; `SECRET_SHARED` where two secrets are one, the passwords in addresses included, or one is
 *   published (see `publishedEnv`); `SECRET_PUBLISHED` for a published address with a password; `SUPABASE_KEYS_SWAPPED` where a
 *   secret key of Supabase would go into every page; `SUPABASE_JWT_SECRET_MISSING` where realtime tokens would be signed with
 *   something that Supabase does not know; `OPTION_INVALID` for a rule that no secret would be too short for.
 */
export function assertSecrets(
  env: Env = processEnv(),
  rules: Readonly<Record<string, SecretRule>> = {},
  options: SecretsOptions = {},
): void {
  assertOptions('platform', options)
  const { realtimeTokens } = options
  assertChoice('platform', 'realtimeTokens', realtimeTokens, [undefined, 'secret', 'jwks'])
  assertOptions('platform', rules, 'rules')
  for (const [name, rule] of Object.entries(rules)) {
    assertNumbers('platform', rule, { minBytes: { least: 1, required: true } }, `rules.${name}`)
    assertText('platform', `rules.${name}.purpose`, rule.purpose)
  }
  assertSupabaseKeys(env)
  assertTokenSecret(env, realtimeTokens)
  assertDistinct(env, Object.keys(rules))
  const [short] = shortSecrets(env, { ...SECRETS, ...rules })
  if (!short) return
  throw new ConfigError(`[msc/platform] ${describeShortSecret(short).detail}`, {
    code: 'SECRET_TOO_SHORT',
    hint: `Set ${short.name} to a long random value, for example what \`openssl rand -base64 48\` prints.`,
  })
}

function bytesOf(value: string | undefined): number | undefined {
  return value === undefined ? undefined : new TextEncoder().encode(value).length
}
