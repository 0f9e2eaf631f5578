import { expect, it } from 'vitest'
import { profileFromEnv } from './profile.ts'
import { assertSecrets } from './secrets.ts'

const SUPABASE = { NEXT_PUBLIC_SUPABASE_URL: 'https://a.supabase.example' }

it.each([
  [{}, 'local'],
  [{ NODE_ENV: 'development', ...SUPABASE }, 'local'],
  [{ NODE_ENV: 'production' }, 'self-hosted'],
  [{ NODE_ENV: 'production ', DATABASE_URL: 'postgres://a/b' }, 'self-hosted'],
  [{ NODE_ENV: 'production', ...SUPABASE }, 'vendor'],
  [{ NODE_ENV: 'production', SUPABASE_DB_URL: 'postgres://a/b' }, 'vendor'],
  [{ NODE_ENV: 'production', ...SUPABASE, MSC_PROFILE: 'self-hosted' }, 'self-hosted'],
  [{ NODE_ENV: 'production', MSC_PROFILE: 'local' }, 'local'],
])('the profile of %j is %s', (env, expected) => {
  const { name, seeds, secure } = profileFromEnv(env)
  expect([name, seeds, secure]).toEqual([expected, expected === 'local', expected !== 'local'])
})

it.each([
  [{ MSC_PROFILE: 'production' }, 'PROFILE_UNKNOWN'],
  [{ MSC_TRUSTED_HOPS: '-1' }, 'TRUSTED_HOPS_INVALID'],
  [{ MSC_TRUSTED_HOPS: '11' }, 'TRUSTED_HOPS_INVALID'],
  [{ MSC_TRUSTED_HOPS: 'one' }, 'TRUSTED_HOPS_INVALID'],
  [{ MSC_CLIENT_ADDRESS_HEADER: 'x forwarded' }, 'ADDRESS_HEADER_INVALID'],
  [{ MSC_TRUST_PROXY: '1' }, 'CONFIG_REPLACED'],
])('refuses %j: %s', (env, code) => {
  expect(() => profileFromEnv(env)).toThrow(expect.objectContaining({ code }))
})

it('trusts no proxy unless it is told of it', () => {
  expect(profileFromEnv({}).clientAddress).toEqual({ trustedHops: 0 })
  const env = { MSC_TRUSTED_HOPS: '2', MSC_CLIENT_ADDRESS_HEADER: 'X-Vercel-Forwarded-For' }
  expect(profileFromEnv(env).clientAddress).toEqual({ trustedHops: 2, header: 'x-vercel-forwarded-for' })
})

it('refuses secrets that can be guessed, without repeating them', () => {
  const long = 'x'.repeat(32)
  expect(() => assertSecrets({ SUPABASE_JWT_SECRET: long, CRON_SECRET: `${long}y` })).not.toThrow()
  expect(() => assertSecrets({})).not.toThrow()
  const short = { SUPABASE_JWT_SECRET: 'swordfish' }
  expect(() => assertSecrets(short)).toThrow(expect.objectContaining({ code: 'SECRET_TOO_SHORT' }))
  expect(() => assertSecrets(short)).not.toThrow(/swordfish/)
  const own = { SESSION_KEY: { minBytes: 8, purpose: 'signs links' } }
  expect(() => assertSecrets({ SESSION_KEY: '1234567' }, own)).toThrow(/SESSION_KEY, which signs links, has 7 bytes/)
})
