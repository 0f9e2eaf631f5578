import { DriverError } from '../errors/errors.ts'

/**
 * The hint that names the address to use in place of a transaction pooler's. Such a pooler gives each transaction to any free
 * server process, so the state of a session (LISTEN, prepared statements, settings) does not follow the client.
 *
 * Sources: https://www.pgbouncer.org/features.html, https://supabase.com/docs/guides/database/connecting-to-postgres and
 * https://neon.com/docs/connect/connection-pooling
 */
export const POOLER_HINT: string =
  'Use the direct address of the database, or a pooler in session mode. Supabase: port 5432 instead of 6543. Neon: the host without `-pooler`. PgBouncer: `pool_mode = session`.'

/** Makes the error for an address at which a transaction pooler answers. `seen` is the evidence, the end of its sentence. */
export function pooled(seen: string): DriverError {
  return new DriverError('postgres', `The address leads to a transaction pooler, not to Postgres: ${seen}.`, {
    code: 'POSTGRES_POOLED',
    hint: POOLER_HINT,
  })
}

/** Makes the error for a connection that accepted LISTEN and did not receive a notification. */
export function notDelivered(timeoutMs: number): DriverError {
  return new DriverError(
    'postgres',
    `A notification did not reach the listening connection within ${timeoutMs} ms, as happens behind a transaction pooler.`,
    { code: 'POSTGRES_UNHEARD', hint: POOLER_HINT },
  )
}

/** Says whether the error means that this address delivers no notifications, so that another attempt would fail too. */
export function isPooled(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return code === 'POSTGRES_POOLED' || code === 'POSTGRES_UNHEARD'
}
