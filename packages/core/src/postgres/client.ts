import { toError } from '../errors/errors.ts'

/** Sends statements: a pool or client of `pg`, PGlite, or a transaction of either. */
export interface PostgresQuery {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
}

/** A statement as `pg` takes it. */
export interface PostgresStatement {
  readonly text: string
  readonly values: unknown[]
  /**
   * Sends exactly one statement, also without values: otherwise `pg` sends a text without values as it is, and a text that
   * somebody could append to would be several statements. `pg` before 8.12 ignores it.
   */
  readonly queryMode: 'extended'
}

/** A connection that work runs on: see `onConnection`. */
export interface PostgresSender extends PostgresQuery {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
  query(statement: PostgresStatement): Promise<{ readonly rows: unknown[] }>
}

/** The parts of a checked-out connection of a `pg` pool that core uses. */
export interface PostgresConnection extends PostgresQuery {
  on(event: string, listener: (...values: never[]) => void): unknown
  removeAllListeners?(): unknown
  /** The id of the server process. */
  readonly processID?: number | null
  /** Returns the connection to the pool; with `true` destroys it, and the pool opens another when it needs one. */
  release(destroy?: boolean): unknown
}

/** The parts of a `pg` pool that core uses. A pool whose `connect` ignores the callback works too. */
export interface PostgresPool extends PostgresQuery {
  /** True from the call of `end` on, which waits for the connections that are checked out. */
  readonly ending?: boolean
  on?(event: string, listener: (...values: never[]) => void): unknown
  connect(callback?: (error: unknown, connection?: PostgresConnection) => void): Promise<PostgresConnection> | void
}

/** The parts of PGlite that core uses. */
export interface PostgresEmbedded extends PostgresQuery {
  listen(channel: string, callback: (payload: string) => void): Promise<() => Promise<void>>
  unlisten?(channel: string, callback: (payload: string) => void): Promise<void>
  /** True after `close`, which ends all listening. */
  readonly closed?: boolean
}

export type PostgresClient = PostgresPool | PostgresEmbedded

const survivors = new WeakSet<object>()

/**
 * Checks a connection out of a `pg` pool, and adds `error` listeners to it and to the pool.
 *
 * A checked-out connection emits `error` when it is lost, and an `error` event without a listener ends the process. The
 * listener is added in the callback, because a server may send in one packet that it is ready and that it shuts down: a
 * promise would settle too late for that. The pool needs one because it emits `error` when the server ends an idle connection.
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

/** Adds one listener per emitter, because a pool hands out the same connection many times. */
function survive(emitter: PostgresPool | PostgresConnection): void {
  if (survivors.has(emitter)) return
  survivors.add(emitter)
  emitter.on?.('error', () => undefined)
}
