import { expect, it } from 'vitest'
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
})
