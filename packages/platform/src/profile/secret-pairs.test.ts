import { expect, it } from 'vitest'
import { publishedEnv } from './published.ts'
import { assertSecrets } from './secrets.ts'

const SECRET = 'a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6'
const OTHER = 'another-secret-of-more-than-32-bytes'
const SUPABASE = { NEXT_PUBLIC_SUPABASE_URL: 'https://a.supabase.example' }

it.each([
  { NODE_ENV: 'production', ...SUPABASE },
  { NODE_ENV: 'production', ...SUPABASE, SUPABASE_JWT_SECRET: '  ' },
  { MSC_PROFILE: 'vendor', ...SUPABASE },
  { MSC_PROFILE: 'self-hosted', ...SUPABASE },
])('refuses Supabase without the secret of its tokens on the internet: %j', (env) => {
  expect(() => assertSecrets(env)).toThrow(
    expect.objectContaining({
      code: 'SUPABASE_JWT_SECRET_MISSING',
      message: expect.stringContaining('SUPABASE_JWT_SECRET'),
    }),
  )
  expect(() => assertSecrets({ ...env, SUPABASE_JWT_SECRET: SECRET })).not.toThrow()
  expect(() => assertSecrets(env, {}, { realtimeTokens: 'jwks' })).not.toThrow()
})

it.each([SUPABASE, { NODE_ENV: 'production' }, { MSC_PROFILE: 'local', NODE_ENV: 'production', ...SUPABASE }])(
  'asks for no such secret where nobody could be harmed: %j',
  (env) => expect(() => assertSecrets(env)).not.toThrow(),
)

it.each([
  { CRON_SECRET: SECRET, SUPABASE_JWT_SECRET: SECRET },
  { CRON_SECRET: ` ${SECRET}\n`, SUPABASE_JWT_SECRET: SECRET },
  { CRON_SECRET: SECRET, INNGEST_SIGNING_KEY: `signkey-prod-${SECRET}` },
  { INNGEST_EVENT_KEY: SECRET, INNGEST_SIGNING_KEY: SECRET },
  { SUPABASE_JWT_SECRET: SECRET, SUPABASE_SERVICE_ROLE_KEY: SECRET },
  { UPSTASH_REDIS_REST_TOKEN: SECRET, CRON_SECRET: SECRET },
  { NEXT_PUBLIC_SUPABASE_ANON_KEY: SECRET, SUPABASE_JWT_SECRET: SECRET },
  { NEXT_PUBLIC_ANYTHING: SECRET, CRON_SECRET: SECRET },
  { NEXT_PUBLIC_DATABASE_URL: SECRET, DATABASE_URL: SECRET },
  { NEXT_PUBLIC_REDIS_URL: SECRET, REDIS_URL: SECRET },
  { SESSION_KEY: SECRET, CRON_SECRET: SECRET },
  { MSC_RELEASE: SECRET, CRON_SECRET: SECRET },
  { MSC_RELEASE: `1.2.0+${SECRET}`, CRON_SECRET: SECRET },
  { NEXT_PUBLIC_HELP: `https://help.example/?key=${SECRET}`, SESSION_KEY: SECRET },
  { DATABASE_URL: `postgres://app:${SECRET}@db/app`, CRON_SECRET: SECRET },
  { DATABASE_URL: `postgres://app@db/app?password=${SECRET}`, CRON_SECRET: SECRET },
  { SUPABASE_DB_URL: `postgres://app:${SECRET}@db/app`, SUPABASE_JWT_SECRET: SECRET },
  { REDIS_URL: `redis://:${SECRET}@cache:6379`, UPSTASH_REDIS_REST_TOKEN: SECRET },
  { DATABASE_URL: 'postgres://app:dev@db/app', MSC_RELEASE: 'dev' },
  { DATABASE_URL: `postgres://app:${encodeURIComponent('a/b?c')}@db/app`, MSC_RELEASE: 'a/b?c' },
  { DATABASE_URL: `postgres://app:${SECRET}@db/app`, NEXT_PUBLIC_SUPABASE_ANON_KEY: SECRET },
])('refuses one secret for two doors, naming both and not the secret: %j', (env) => {
  const own = { SESSION_KEY: { minBytes: 8, purpose: 'signs links' } }
  let refused: unknown
  try {
    assertSecrets(env, own)
  } catch (error) {
    refused = error
  }
  expect(refused).toMatchObject({ code: 'SECRET_SHARED' })
  const said = String(refused)
  for (const name of Object.keys(env)) expect(said).toContain(name)
  expect(said + JSON.stringify(refused)).not.toContain(SECRET)
})

it('takes secrets that differ, and those that are not set', () => {
  const env = { CRON_SECRET: SECRET, SUPABASE_JWT_SECRET: OTHER, INNGEST_EVENT_KEY: '', UPSTASH_REDIS_REST_TOKEN: '' }
  expect(() => assertSecrets(env)).not.toThrow()
  const address = 'postgres://a:b@c/d'
  expect(() => assertSecrets({ ...env, DATABASE_URL: address, SUPABASE_DB_URL: address })).not.toThrow()
  const pooled = 'postgres://a:b@pool/d'
  expect(() => assertSecrets({ ...env, DATABASE_URL: pooled, SUPABASE_DB_URL: address })).not.toThrow()
  // As when somebody develops: one password for what only the application reaches.
  const stores = { REDIS_URL: 'redis://:postgres@cache', DATABASE_URL: 'postgres://app:postgres@db/app' }
  expect(() => assertSecrets({ ...env, ...stores })).not.toThrow()
  // A short password may well be part of a word that everybody reads.
  const redis = { REDIS_URL: 'redis://:postgres@cache', MSC_RELEASE: 'postgres-7' }
  expect(() =>
    assertSecrets({ ...env, ...redis, NEXT_PUBLIC_SENTRY_DSN: 'https://key@sentry.example/1' }),
  ).not.toThrow()
})

it.each([
  { NEXT_PUBLIC_SENTRY_DSN: `https://key:${SECRET}@sentry.example/1` },
  { NEXT_PUBLIC_SUPABASE_URL: `https://a:${SECRET}@a.supabase.example`, MSC_PROFILE: 'local' },
  { NEXT_PUBLIC_POSTHOG_HOST: `https://:${encodeURIComponent('a b')}@posthog.example` },
  { NEXT_PUBLIC_SENTRY_DSN: 'https://key:sec/ret@sentry.example/1' },
])('refuses an address with a password that goes into every page: %j', (env) => {
  const [[name, address]] = Object.entries(env) as [[string, string]]
  let refused: unknown
  try {
    assertSecrets(env)
  } catch (error) {
    refused = error
  }
  expect(refused).toMatchObject({ code: 'SECRET_PUBLISHED', message: expect.stringContaining(name) })
  expect(String(refused) + JSON.stringify(refused)).not.toContain(address.split('@')[0])
})

it('publishes what the names say, and the release', () => {
  const env = { NEXT_PUBLIC_A: ' a ', NEXT_PUBLIC_B: '', MSC_RELEASE: '1', CRON_SECRET: SECRET, PUBLIC: 'x' }
  expect(publishedEnv(env)).toEqual({ NEXT_PUBLIC_A: 'a', MSC_RELEASE: '1' })
})
