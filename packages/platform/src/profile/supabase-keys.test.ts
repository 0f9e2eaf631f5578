import { expect, it } from 'vitest'
import { assertSecrets } from './secrets.ts'
import { assertSupabaseKeys } from './supabase-keys.ts'

const jwt = (role: string): string =>
  `eyJhbGciOiJIUzI1NiJ9.${Buffer.from(JSON.stringify({ role, iss: 'supabase' })).toString('base64url')}.c2lnbmF0dXJl`
const env = (anon?: string, service?: string) => ({
  NEXT_PUBLIC_SUPABASE_URL: 'https://a.supabase.example',
  NEXT_PUBLIC_SUPABASE_ANON_KEY: anon,
  SUPABASE_SERVICE_ROLE_KEY: service,
})

it.each([
  [jwt('anon'), jwt('service_role')],
  [jwt('anon'), undefined],
  ['sb_publishable_abc', 'sb_secret_abc'],
  ['a key of another kind', 'another one'],
])('takes keys in their places: %s, %s', (anon, service) => {
  expect(() => assertSupabaseKeys(env(anon, service))).not.toThrow()
})

it.each([
  [jwt('service_role'), jwt('anon')],
  [jwt('service_role'), undefined],
  [jwt('anon'), jwt('anon')],
  ['sb_secret_abc', 'sb_secret_abc'],
  ['sb_secret_abc', undefined],
  ['sb_publishable_abc', 'sb_publishable_abd'],
  ['the same', 'the same'],
])('refuses keys in each other’s places, without repeating them: %s, %s', (anon, service) => {
  const refused = expect.objectContaining({ code: 'SUPABASE_KEYS_SWAPPED', message: expect.not.stringContaining(anon) })
  expect(() => assertSecrets(env(anon, service))).toThrow(refused)
})
