import { ConfigError } from '@msc/core'
import { POOLER_HINT } from '@msc/core/postgres'
import type { DatabaseDriver } from '../driver.ts'
import { serverDriver, type ServerOptions } from './server.ts'

export type SupabaseOptions = ServerOptions

/** The port of Supabase's pooler in transaction mode. Its session mode listens on 5432 of the same host. */
const TRANSACTION_PORT = '6543'

/**
 * The Postgres of a Supabase project, by the address under Connect in its dashboard: the direct one, or the pooler's in
 * session mode. Transactions work through the pooler in transaction mode too, but nothing can listen there. Does no I/O until
 * it is used.
 *
 * Source: https://supabase.com/docs/guides/database/connecting-to-postgres
 *
 * @throws ConfigError `DATABASE_URL_INVALID`, `POSTGRES_OPTION_MISSING`, `OPTION_INVALID` and `DATABASE_POOL_TOO_SMALL`.
 */
export function supabase(options: SupabaseOptions): DatabaseDriver {
  return serverDriver(options, {
    name: 'supabase',
    variable: 'SUPABASE_DB_URL',
    supabase: true,
    assertListenable(url) {
      if (new URL(url).port !== TRANSACTION_PORT) return
      throw new ConfigError(
        '[msc/database] [supabase] SUPABASE_DB_URL leads to the transaction pooler, which delivers no notifications.',
        { code: 'POSTGRES_POOLED', hint: POOLER_HINT },
      )
    },
  })
}
