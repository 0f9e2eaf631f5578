import {
  ConfigError,
  MscError,
  assertNumbers,
  closedError,
  lazyPeer,
  orAborted,
  peerMissing,
  readField,
  withoutScope,
} from '@msc/core'
import {
  LEAST_CONNECTIONS,
  assertClient,
  isAnswer,
  onConnection,
  postgresFailure,
  queryOn,
  type PostgresPool,
  type PostgresSender,
} from '@msc/core/postgres'
import { assertPostgresAddress, postgresEndpoint } from '@msc/core/postgres-address'
import type { DatabaseDriver, DriverTransaction, DriverTransactionOptions } from '../driver.ts'
import { commitUnknown, transactionAborted } from '../failures.ts'

export interface ServerOptions {
  /** `postgres://user:password@host:5432/database`. Without it, pass a `pool`. */
  readonly url?: string
  /**
   * A pool of `pg`, which the caller ends after the database has been closed. Give it a `connectionTimeoutMillis`, or a
   * connection that gets no answer while it is made keeps its place in it.
   */
  readonly pool?: PostgresPool
  /** The most connections of the driver's own pool, of which each part that listens keeps one. Default 10, at least 2. */
  readonly maxConnections?: number
}

/** What tells the drivers of servers apart. */
export interface ServerKind {
  readonly name: string
  readonly variable: string
  readonly supabase: boolean
  /** Throws for an address at which nobody can listen. */
  readonly assertListenable?: (url: string) => void
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

/** Names what a transaction failed with, where that is nothing that its work threw. */
type Explain = (error: unknown) => Error

/** Makes the driver of a Postgres server. Does no I/O. */
export function serverDriver(options: ServerOptions, kind: ServerKind): DatabaseDriver {
  assertServerOptions(options, kind)
  const { url, pool: given, maxConnections = 10 } = options
  const { name, variable, supabase } = kind
  let own: Promise<OwnPool> | undefined
  let closed = false
  const explain: Explain = (error) =>
    MscError.isInstance(error) ? error : postgresFailure(error, { driver: name, variable })
  const pool = async (): Promise<PostgresPool> => {
    if (closed) throw closedError(name)
    if (given) return given
    return (own ??= withoutScope(() => connect(url as string, maxConnections)).catch((error: unknown) => {
      own = undefined
      throw error
    }))
  }
  return {
    specificationVersion: 1,
    name,
    endpoint: postgresEndpoint(url),
    variables: [variable],
    capabilities: { shared: true, supabase },
    transaction: async (work, signal, given) => inTransaction(await pool(), work, { ...given, signal, name, explain }),
    async client() {
      if (url !== undefined) kind.assertListenable?.(url)
      return pool()
    },
    async health(signal) {
      const [row] = await queryOn(await pool(), HEALTH, [], signal).catch((error: unknown) => {
        throw explain(error)
      })
      // A replica, and a server that is read-only by its settings, answer questions all the same.
      if (readField(row, 'mode') !== 'off') {
        throw explain(Object.assign(new Error('The server only reads.'), { code: '25006' }))
      }
    },
    async close() {
      closed = true
      await (await own?.catch(() => undefined))?.end()
    },
  }
}

const HEALTH = `select current_setting('transaction_read_only') as mode`

function assertServerOptions(options: ServerOptions, { name, variable }: ServerKind): void {
  assertNumbers('database', options, { maxConnections: LEAST_CONNECTIONS })
  const { url, pool } = options
  if (url === undefined && pool === undefined) {
    throw new ConfigError(`[msc/database] [${name}] Missing option \`url\`.`, {
      code: 'POSTGRES_OPTION_MISSING',
      hint: `Set ${variable}, or pass \`url\`, or a pool of \`pg\`.`,
    })
  }
  if (url !== undefined) assertPostgresAddress(url, { concern: 'database', driver: name, variable })
  if (pool !== undefined) assertClient('database', pool)
}

async function connect(url: string, max: number): Promise<OwnPool> {
  const { default: pg } = await load()
  return new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: 5000,
    application_name: 'msc-database',
  }) as unknown as OwnPool
}

interface TransactionContext extends DriverTransactionOptions {
  readonly signal: AbortSignal
  readonly name: string
  readonly explain: Explain
}

/** How a transaction ended on a connection that can be used again. */
type Outcome<T> = { readonly result: T } | { readonly error: unknown }

/** The outcome of work whose connection is to be closed: core closes those whose work throws. */
class Last<T> {
  readonly outcome: Outcome<T>
  constructor(outcome: Outcome<T>) {
    this.outcome = outcome
  }
}

/**
 * Whatever the server's default is: what is looked at under a lock has to be seen as the one who held it before has left it, and
 * not as it was when the transaction began.
 */
const BEGIN = 'begin isolation level read committed'

/** Runs `work` between `begin` and `commit` on one connection, which is destroyed if its state is unknown afterwards. */
async function inTransaction<T>(
  pool: PostgresPool,
  work: (transaction: DriverTransaction) => Promise<T>,
  context: TransactionContext,
): Promise<T> {
  const { signal, explain, leavesNothing } = context
  let outcome: Outcome<T>
  try {
    outcome = await onConnection(
      pool,
      async (connection) => {
        const ended = await between(connection, work, context)
        if (leavesNothing) throw new Last(ended)
        return ended
      },
      signal,
    )
  } catch (error) {
    if (!(error instanceof Last)) {
      signal.throwIfAborted()
      throw explain(error)
    }
    outcome = error.outcome as Outcome<T>
  }
  if ('error' in outcome) throw outcome.error
  return outcome.result
}

async function between<T>(
  connection: PostgresSender,
  work: (transaction: DriverTransaction) => Promise<T>,
  { signal, name, explain }: TransactionContext,
): Promise<Outcome<T>> {
  await connection.query(BEGIN)
  let result: T
  try {
    result = await orAborted(work(transactionOn(connection, explain)), signal)
  } catch (error) {
    // The connection goes, and the server rolls back when it notices.
    signal.throwIfAborted()
    await connection.query('rollback').catch(() => {
      throw new Last({ error })
    })
    return { error }
  }
  const command = await connection.query('commit').then(
    (answer): unknown => readField(answer, 'command'),
    (error: unknown) => {
      if (isAnswer(error)) return { error }
      throw commitUnknown(name, error)
    },
  )
  if (typeof command === 'object' && command) return command as Outcome<T>
  // A statement had failed, and Postgres answers the commit with a rollback.
  return command === 'ROLLBACK' ? { error: transactionAborted(name) } : { result }
}

function transactionOn(connection: PostgresSender, explain: Explain): DriverTransaction {
  const answered = async <T>(sending: Promise<T>): Promise<T> => {
    try {
      return await sending
    } catch (error) {
      // 25P02: refused, because a statement before it has failed. The engine knows what that means.
      throw isAnswer(error) || readField(error, 'code') === '25P02' ? error : explain(error)
    }
  }
  return {
    query: async (text, values) =>
      (await answered(connection.query({ text, values: [...values], queryMode: 'extended' }))).rows,
    exec: async (text) => void (await answered(connection.query(text))),
  }
}
