import { ADDRESS_HINT, parseServerAddress } from '../contract/server-address.ts'
import { ConfigError } from '../errors/errors.ts'

const PROTOCOL = /^postgres(?:ql)?:$/

/** Who reads the address, as its errors name it. */
export interface PostgresAddressContext {
  readonly concern: string
  /** Default `postgres`. */
  readonly driver?: string
  /** The environment variable. Default `DATABASE_URL`. */
  readonly variable?: string
}

/**
 * Refuses what is no address of Postgres. The value is not in the error: it is likely to hold a password.
 *
 * @throws ConfigError `DATABASE_URL_INVALID`.
 */
export function assertPostgresAddress(url: string, context: PostgresAddressContext): void {
  const { concern, driver = 'postgres', variable = 'DATABASE_URL' } = context
  if (parseServerAddress(url, PROTOCOL)) return
  throw new ConfigError(`[msc/${concern}] [${driver}] The address of the database is not one of Postgres.`, {
    code: 'DATABASE_URL_INVALID',
    hint: `Set ${variable} to postgres://user:password@host:5432/database. ${ADDRESS_HINT}`,
  })
}

/** Returns host and database, without the user; a path that is no plain name is left out. */
export function postgresEndpoint(url: string | undefined): string {
  const parsed = parseServerAddress(url, PROTOCOL)
  if (!parsed) return 'postgres'
  return `postgres://${parsed.host}${/^\/[\w.-]*$/.test(parsed.pathname) ? parsed.pathname : ''}`
}
