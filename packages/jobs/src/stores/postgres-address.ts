import { ADDRESS_HINT, ConfigError, parseServerAddress } from '@msc/core'

const PROTOCOL = /^postgres(?:ql)?:$/

/**
 * Refuses what is no address of Postgres. The value is not in the error: it is likely to hold a password.
 *
 * @throws ConfigError `DATABASE_URL_INVALID`.
 */
export function assertPostgresAddress(url: string): void {
  if (parseServerAddress(url, PROTOCOL)) return
  throw new ConfigError('[msc/jobs] [postgres] The address of the database is not one of Postgres.', {
    code: 'DATABASE_URL_INVALID',
    hint: `Set DATABASE_URL to postgres://user:password@host:5432/database. ${ADDRESS_HINT}`,
  })
}

/** Returns host and database, without the user; a path that is no plain name is left out. */
export function endpointOf(url: string | undefined): string {
  const parsed = parseServerAddress(url, PROTOCOL)
  if (!parsed) return 'postgres'
  return `postgres://${parsed.host}${/^\/[\w.-]*$/.test(parsed.pathname) ? parsed.pathname : ''}`
}
