import { readEnv, type Env } from '@msc/core'
import { fine, type Finding } from '../finding.ts'

export interface SecretRule {
  readonly minBytes: number
  /** What the secret protects; the finding says so. */
  readonly purpose: string
}

/**
 * The secrets that the packages read. HS256 needs a key as long as its hash (RFC 7518, section 3.2); Vercel asks for 16
 * characters (https://vercel.com/docs/cron-jobs/manage-cron-jobs).
 */
export const SECRETS: Readonly<Record<string, SecretRule>> = {
  CRON_SECRET: { minBytes: 16, purpose: 'opens the routes of scheduled jobs' },
  SUPABASE_JWT_SECRET: { minBytes: 32, purpose: 'signs sessions and realtime tokens' },
}

/** Finds secrets that are set and short enough to be guessed. */
export function checkSecrets(env: Env, rules: Readonly<Record<string, SecretRule>>): Finding[] {
  const set = Object.entries(rules).flatMap(([name, rule]) => {
    const value = readEnv(env, name)
    return value === undefined ? [] : [{ name, ...rule, bytes: new TextEncoder().encode(value).length }]
  })
  if (set.length === 0) return []
  const short = set.filter(({ bytes, minBytes }) => bytes < minBytes)
  if (short.length === 0) return [fine('secrets', set.map(({ name }) => name).join(', '))]
  return short.map(({ name, bytes, minBytes, purpose }) => ({
    check: 'secrets',
    status: 'warning',
    code: 'SECRET_TOO_SHORT',
    subject: name,
    detail: `${name}, which ${purpose}, has ${bytes} bytes and can be guessed; it needs at least ${minBytes}.`,
    hint: `Set ${name} to a long random value, for example what \`openssl rand -base64 48\` prints.`,
  }))
}
