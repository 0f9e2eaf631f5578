import { DriverError, lazyPeer, orAborted, peerMissing } from '@msc/core'
import { onConnection, type PostgresClient, type PostgresPool, type PostgresQuery } from '@msc/core/postgres'
import type { DatabaseDriver, DriverTransaction } from '../driver.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:5432/database`. Without it, pass a `pool`. */
  readonly url?: string
  /** A pool of `pg`, which the caller ends after the database has been closed. */
  readonly pool?: PostgresPool
  /** The most connections of the driver's own pool. Default 10. */
  readonly maxConnections?: number
}

interface OwnPool extends PostgresPool {
  end(): Promise<void>
}

const load = lazyPeer(async () => {
  try {
    return await import('pg')
  } catch (cause) {
    throw peerMissing('platform', 'pg', cause)
  }
})

/** A Postgres server. */
export function postgres(options: PostgresOptions): DatabaseDriver {
  const { url, pool: given, maxConnections = 10 } = options
  let own: Promise<OwnPool> | undefined
  let closed = false
  const pool = async (): Promise<PostgresPool> => {
    if (closed) throw new DriverError('postgres', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    return given ?? (own ??= connect(url, maxConnections))
  }
  return {
    specificationVersion: 1,
    name: 'postgres',
    capabilities: { shared: true, supabase: false },
    transaction: async (work, signal) => inTransaction(await pool(), work, signal),
    client: async () => (await pool()) as PostgresClient,
    async health(signal) {
      await inTransaction(await pool(), (transaction) => transaction.query('select 1', []), signal)
    },
    async close() {
      closed = true
      await (await own)?.end()
    },
  }
}

async function connect(url: string | undefined, max: number): Promise<OwnPool> {
  const { default: pg } = await load()
  return new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: 5000,
    application_name: 'msc-database',
  }) as unknown as OwnPool
}

/** Runs `work` between `begin` and `commit` on one connection, which is destroyed if its state is unknown afterwards. */
async function inTransaction<T>(
  pool: PostgresPool,
  work: (transaction: DriverTransaction) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const outcome = await onConnection(
    pool,
    async (connection): Promise<{ readonly result: T } | { readonly error: unknown }> => {
      await connection.query('begin')
      let result: T
      try {
        result = await orAborted(work(transactionOn(connection)), signal)
      } catch (error) {
        signal.throwIfAborted()
        await connection.query('rollback')
        return { error }
      }
      try {
        await connection.query('commit')
      } catch (cause) {
        throw new DriverError('postgres', 'The connection was lost during the commit.', {
          code: 'COMMIT_UNKNOWN',
          hint: 'Ask the database whether the rows are there before you do it again.',
          cause,
        })
      }
      return { result }
    },
    signal,
  )
  if ('error' in outcome) throw outcome.error
  return outcome.result
}

function transactionOn(connection: PostgresQuery): DriverTransaction {
  return {
    query: async (text, values) => (await connection.query(text, [...values])).rows,
    exec: async (text) => void (await connection.query(text)),
  }
}
