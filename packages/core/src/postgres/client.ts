import { toError } from '../errors/errors.ts'

/** What a statement is sent by: a pool or a client of `pg`, PGlite, or a transaction of either. */
export interface PostgresQuery {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
}

/** A connection that was taken out of a pool of `pg`, as far as it is used. */
export interface PostgresConnection extends PostgresQuery {
  on(event: string, listener: (...values: never[]) => void): unknown
  removeAllListeners?(): unknown
  /** Of the server's process behind it. */
  readonly processID?: number | null
  /** Gives it back; `true` ends it instead, and the pool opens another when it needs one. */
  release(destroy?: boolean): unknown
}

/** A pool of `pg`, as far as it is used. One that takes no callback is good too. */
export interface PostgresPool extends PostgresQuery {
  on?(event: string, listener: (...values: never[]) => void): unknown
  connect(callback?: (error: unknown, connection?: PostgresConnection) => void): Promise<PostgresConnection> | void
}

/** PGlite, as far as it is used. */
export interface PostgresEmbedded extends PostgresQuery {
  listen(channel: string, callback: (payload: string) => void): Promise<() => Promise<void>>
}

export type PostgresClient = PostgresPool | PostgresEmbedded

const survivors = new WeakSet<object>()

/**
 * Takes a connection out of a pool of `pg`. From then on it tells its own listeners alone that it was lost, besides the
 * query that waits for it; with none, the process ends. So it gets one, and at once: a database may say in one packet that
 * it is ready and that it is going, and a promise would come a turn too late for that. The pool gets one as well: where it
 * has none, an idle connection that the server ends would end the process.
 *
 * Source: https://node-postgres.com/apis/pool#error
 */
export function checkOut(pool: PostgresPool): Promise<PostgresConnection> {
  survive(pool)
  return new Promise((resolve, reject) => {
    const hand = (connection: PostgresConnection): void => {
      survive(connection)
      resolve(connection)
    }
    const promised = pool.connect((error, connection) => (connection ? hand(connection) : reject(toError(error))))
    promised?.then(hand, reject)
  })
}

/** One listener for each, as a pool hands its connections out again and again. */
function survive(emitter: PostgresPool | PostgresConnection): void {
  if (survivors.has(emitter)) return
  survivors.add(emitter)
  emitter.on?.('error', () => undefined)
}
