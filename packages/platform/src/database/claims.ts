import { ConfigError, isRecord } from '@msc/core'

/** Whom a transaction acts for, in the shape of a Supabase access token: row level security reads these. */
export interface Claims {
  /** The user's id. */
  readonly sub?: string
  /** The role of the database: `service_role` bypasses row level security. */
  readonly role: 'anon' | 'authenticated' | 'service_role'
  readonly email?: string
  /** What a user can't write, such as the application's own role. */
  readonly app_metadata?: Readonly<Record<string, unknown>>
  /** The session that the claims come from; see `createSessions`. */
  readonly session_id?: string
}

/** The claims of code that acts for the platform. */
export const SERVICE: Claims = { role: 'service_role' }

const ROLES: readonly unknown[] = ['anon', 'authenticated', 'service_role'] satisfies readonly Claims['role'][]
/** Every statement of a policy reads them. */
const MOST_CHARACTERS = 16_384

/**
 * Refuses claims whose role is another one: it becomes the role of the database, where a login role may be a superuser.
 *
 * @throws ConfigError `DATABASE_CLAIMS_INVALID`.
 */
export function assertClaims(claims: unknown): asserts claims is Claims {
  // SQL would write a number as text, and take whoever has it for somebody.
  const isName = (value: unknown): boolean => value === undefined || typeof value === 'string'
  const isNamed = isRecord(claims) && isName(claims['sub']) && isName(claims['session_id'])
  if (isNamed && ROLES.includes(claims['role']) && isJson(claims)) return
  throw new ConfigError('[msc/database] These are no claims that a transaction can act for.', {
    code: 'DATABASE_CLAIMS_INVALID',
    hint: 'Pass the role anon, authenticated or service_role, and of a token only its claims: at most 16,384 characters of JSON, with `sub` and `session_id` as text.',
  })
}

function isJson(claims: object): boolean {
  try {
    return JSON.stringify(claims).length <= MOST_CHARACTERS
  } catch {
    return false
  }
}
