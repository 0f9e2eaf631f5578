import { ConfigError } from '@msc/core'

/**
 * Refuses what is no address of Postgres. The value is not in the error: it is likely to hold a password.
 *
 * @throws ConfigError `DATABASE_URL_INVALID`.
 */
export function assertPostgresAddress(url: string): void {
  if (/^postgres(?:ql)?:$/.test(URL.parse(url)?.protocol ?? '')) return
  throw new ConfigError('[msc/jobs] [postgres] The address of the database is not one of Postgres.', {
    code: 'DATABASE_URL_INVALID',
    hint: 'Set DATABASE_URL to postgres://user:password@host:5432/database.',
  })
}

/** Host and database, without the user. */
export function endpointOf(url: string | undefined): string {
  const parsed = url === undefined ? null : URL.parse(url)
  return parsed ? `postgres://${parsed.host}${parsed.pathname}` : 'postgres'
}
