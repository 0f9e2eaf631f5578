import { DriverError } from '../errors/errors.ts'

/**
 * Which address to use in place of a transaction pooler's, which gives each transaction to whichever server process is free:
 * what a session keeps (LISTEN, prepared statements, settings) is left behind with another one.
 *
 * Sources: https://www.pgbouncer.org/features.html, https://supabase.com/docs/guides/database/connecting-to-postgres and
 * https://neon.com/docs/connect/connection-pooling
 */
export const POOLER_HINT: string =
  'Use the direct address of the database, or a pooler in session mode. Supabase: port 5432 instead of 6543. Neon: the host without `-pooler`. PgBouncer: `pool_mode = session`.'

/** What shows that a transaction pooler answers: `seen` is the end of the sentence. */
export function pooled(seen: string): DriverError {
  return new DriverError('postgres', `A transaction pooler is in place of Postgres: ${seen}.`, {
    code: 'POSTGRES_POOLED',
    hint: POOLER_HINT,
  })
}

/** LISTEN was taken, and what is said does not come. */
export function unheard(timeoutMs: number): DriverError {
  return new DriverError(
    'postgres',
    `The connection that listens was not told of a notification within ${timeoutMs} ms, as behind a transaction pooler.`,
    { code: 'POSTGRES_UNHEARD', hint: POOLER_HINT },
  )
}

/** Can nothing be heard on this address? Another attempt would end alike. */
export function isDeaf(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return code === 'POSTGRES_POOLED' || code === 'POSTGRES_UNHEARD'
}
