import { ConfigError, readEnv, type Env } from '@msc/core'
import { profileFromEnv } from './profile.ts'
import { publishedEnv } from './published.ts'

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

/** Addresses that are secret as a whole, and whose password opens something. One password for several of them is no door for strangers. */
const ADDRESSES = [
  'DATABASE_URL',
  'SUPABASE_DB_URL',
  'REDIS_URL',
  'UPSTASH_REDIS_REST_URL',
  'INNGEST_BASE_URL',
] as const

interface Secret {
  /** As errors call it: the variable, or the password in it. */
  readonly name: string
  readonly value: string
  /** Two secrets of one door may be one. */
  readonly door: string
}

/**
 * Refuses one secret for two doors: whoever gets hold of it at one would open the other, and the holder of one can act as the
 * other. The same goes for one that is published, and for a password in an address that is.
 *
 * @param own Variables of the application's own secrets.
 * @throws ConfigError `SECRET_SHARED`, `SECRET_PUBLISHED`. The value is not in it.
 */
export function assertDistinct(env: Env, own: readonly string[] = []): void {
  const published = Object.entries(publishedEnv(env)).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: bare(value) }],
  )
  for (const { name, value } of published) {
    if (passwordsOf(value).length > 0) throw publishedPassword(name)
  }
  const known: Secret[] = []
  for (const secret of secretsOf(env, own)) {
    const other =
      published.find(({ value }) => shows(value, secret.value)) ??
      known.find(({ value, door }) => value === secret.value && door !== secret.door)
    if (other) throw shared(other.name, secret.name)
    known.push(secret)
  }
}

function secretsOf(env: Env, own: readonly string[]): Secret[] {
  const open = publishedEnv(env)
  const names = [...new Set([...ADDRESSES, ...DOORS, ...own])].filter((name) => !(name in open))
  return names.flatMap((name): Secret[] => {
    const value = readEnv(env, name)
    if (value === undefined) return []
    const isAddress = ADDRESSES.some((each) => each === name)
    const door = isAddress ? 'stores' : name
    const passwords = isAddress ? passwordsOf(value) : []
    return [
      { name, value: bare(value), door },
      ...passwords.map((password) => ({ name: `the password in ${name}`, value: bare(password), door })),
    ]
  })
}

/** Characters of a secret that is found inside a longer text by no accident. */
const LONG = 16

function shows(published: string, secret: string): boolean {
  return published === secret || (secret.length >= LONG && published.includes(secret))
}

/** Returns the password of an address, as it is written and as it is meant. */
function passwordsOf(address: string): string[] {
  const url = URL.parse(address)
  // What is no URL may be an address for somebody: a password may have signs that belong percent-encoded.
  const [, raw = ''] = /^[a-z][a-z\d+.-]*:\/\/[^/?#:@]*:([^@]*)@/i.exec(address) ?? []
  const written = [raw, url?.password, url?.searchParams.get('password')].filter((each) => typeof each === 'string')
  return [...new Set(written.flatMap((each) => [each, decoded(each)]))].filter((each) => each !== '')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function shared(one: string, other: string): ConfigError {
  return new ConfigError(`[msc/platform] ${one} and ${other} have the same value.`, {
    code: 'SECRET_SHARED',
    hint: 'Give each a value of its own, for example what `openssl rand -base64 48` prints; a secret that was published has to be replaced.',
  })
}

function publishedPassword(name: string): ConfigError {
  return new ConfigError(`[msc/platform] ${name}, which goes into every page, is an address with a password in it.`, {
    code: 'SECRET_PUBLISHED',
    hint: `Set ${name} to the address without the password: a Sentry DSN needs only the public key. If it was published, replace the password.`,
  })
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
