import type { DatabaseDriver } from '../driver.ts'
import { serverDriver, type ServerOptions } from './server.ts'

export type PostgresOptions = ServerOptions

/**
 * A Postgres server (13 or later), over `pg`. Does no I/O until it is used.
 *
 * @throws ConfigError `DATABASE_URL_INVALID`, `POSTGRES_OPTION_MISSING`, `OPTION_INVALID` and `DATABASE_POOL_TOO_SMALL`.
 */
export function postgres(options: PostgresOptions): DatabaseDriver {
  return serverDriver(options, { name: 'postgres', variable: 'DATABASE_URL', supabase: false })
}
