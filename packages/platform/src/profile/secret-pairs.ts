import { ConfigError, readEnv, type Env } from '@msc/core'
import { profileFromEnv } from './profile.ts'

/** Variables that open something, beside those that an application names. */
const DOORS = [
  'CRON_SECRET',
  'SUPABASE_JWT_SECRET',
  'SUPABASE_SERVICE_ROLE_KEY',
  'INNGEST_SIGNING_KEY',
  'INNGEST_EVENT_KEY',
  'UPSTASH_REDIS_REST_TOKEN',
  'SENTRY_AUTH_TOKEN',
] as const

/** Addresses with passwords in them. Two of them may well be one, but none of them may be published. */
const ADDRESSES = ['DATABASE_URL', 'SUPABASE_DB_URL', 'REDIS_URL'] as const

/** What Next.js writes into the pages that it builds. */
const PUBLISHED = /^NEXT_PUBLIC_/

/**
 * Refuses one secret for two doors: whoever gets hold of it at one would open the other, and the holder of one can act as the
 * other. The same goes for one that is published.
 *
 * @param own Variables of the application's own secrets.
 * @throws ConfigError `SECRET_SHARED`. The value is not in it.
 */
export function assertDistinct(env: Env, own: readonly string[] = []): void {
  const byValue = new Map<string, string>()
  for (const name of Object.keys(env).filter((each) => PUBLISHED.test(each))) {
    const value = readEnv(env, name)
    if (value !== undefined) byValue.set(bare(value), name)
  }
  for (const name of new Set([...ADDRESSES, ...DOORS, ...own])) {
    const value = readEnv(env, name)
    if (value === undefined || PUBLISHED.test(name)) continue
    const other = byValue.get(bare(value))
    if (other !== undefined) {
      throw new ConfigError(`[msc/platform] ${other} and ${name} have the same value.`, {
        code: 'SECRET_SHARED',
        hint: `Give each a value of its own, for example what \`openssl rand -base64 48\` prints; a secret that was published has to be replaced.`,
      })
    }
    if (!ADDRESSES.some((each) => each === name)) byValue.set(bare(value), name)
  }
}

/** Inngest leaves out what stands before a key. Source: https://www.inngest.com/docs/platform/signing-keys */
function bare(value: string): string {
  return value.replace(/^signkey-\w+-/, '')
}

/** How the tokens of realtime are signed: by SUPABASE_JWT_SECRET, or by keys that Supabase verifies otherwise (JWKS). */
export type RealtimeTokens = 'secret' | 'jwks'

/**
 * Refuses to run on the internet with Supabase for realtime and without the secret that its tokens are signed with. Whatever they
 * would be signed with instead, Supabase would refuse all of them, or somebody could forge them.
 *
 * @throws ConfigError `SUPABASE_JWT_SECRET_MISSING`, and those of `profileFromEnv`.
 */
export function assertTokenSecret(env: Env, tokens: RealtimeTokens = 'secret'): void {
  if (tokens === 'jwks' || readEnv(env, 'NEXT_PUBLIC_SUPABASE_URL') === undefined) return
  if (readEnv(env, 'SUPABASE_JWT_SECRET') !== undefined || profileFromEnv(env).name === 'local') return
  throw new ConfigError('[msc/platform] NEXT_PUBLIC_SUPABASE_URL is set but SUPABASE_JWT_SECRET is not.', {
    code: 'SUPABASE_JWT_SECRET_MISSING',
    hint: "Set SUPABASE_JWT_SECRET to the project's JWT secret (Settings, JWT Keys): realtime tokens are signed with it. If yours are verified by the project's public keys, say `realtimeTokens: 'jwks'`.",
  })
}
