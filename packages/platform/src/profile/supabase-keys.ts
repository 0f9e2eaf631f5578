import { ConfigError, isRecord, readEnv, type Env } from '@msc/core'
import { publishedEnv } from './published.ts'

/** Keys of the newer kind say what they are at their beginning. Source: https://supabase.com/docs/guides/api/api-keys */
const SECRET = /^sb_secret_/
const PUBLISHABLE = /^sb_publishable_/

/**
 * Refuses keys that stand in each other's place: the anonymous one goes into every page, as all that `publishedEnv` returns, and
 * the service role's key reads and writes everything.
 *
 * @throws ConfigError `SUPABASE_KEYS_SWAPPED`. The keys are not in it.
 */
export function assertSupabaseKeys(env: Env): void {
  const anon = readEnv(env, 'NEXT_PUBLIC_SUPABASE_ANON_KEY')
  const service = readEnv(env, 'SUPABASE_SERVICE_ROLE_KEY')
  const [published] =
    Object.entries(publishedEnv(env)).find(
      ([, value]) => value !== undefined && (SECRET.test(value) || roleOf(value) === 'service_role'),
    ) ?? []
  const wrong =
    (published !== undefined && `${published} is`) ||
    (service !== undefined &&
      (PUBLISHABLE.test(service) || roleOf(service) === 'anon') &&
      'SUPABASE_SERVICE_ROLE_KEY is') ||
    (anon !== undefined && anon === service && 'NEXT_PUBLIC_SUPABASE_ANON_KEY and SUPABASE_SERVICE_ROLE_KEY are')
  if (!wrong) return
  throw new ConfigError(`[msc/platform] ${wrong} not the key that the name says.`, {
    code: 'SUPABASE_KEYS_SWAPPED',
    hint: 'Set NEXT_PUBLIC_SUPABASE_ANON_KEY to the anon or publishable key, which goes into every page, and SUPABASE_SERVICE_ROLE_KEY to the secret one. A secret key that was published has to be replaced at Supabase.',
  })
}

/** Returns the role that a key of the older kind, a JWT, names. It is read, not verified. */
function roleOf(key: string): unknown {
  try {
    const payload = (key.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
    const claims: unknown = JSON.parse(atob(payload))
    return isRecord(claims) ? claims['role'] : undefined
  } catch {
    return undefined
  }
}
