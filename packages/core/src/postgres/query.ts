import { withoutScope } from '../context/context.ts'
import { readField } from '../errors/errors.ts'
import { orAborted } from '../time/or-aborted.ts'
import { cancelStatement } from './cancel.ts'
import {
  checkOut,
  type PostgresClient,
  type PostgresPool,
  type PostgresQuery,
  type PostgresSender,
  type PostgresStatement,
} from './client.ts'

/**
 * Runs one statement outside any unit of work, because a connection that the pool opens for it outlives its caller.
 *
 * If `signal` aborts before the answer, or the connection fails, the connection is destroyed instead of returned: a network
 * that drops all packets then costs each connection one statement, but never the pool. The server may still run the
 * statement. After an error that the server answers with, the connection is returned, since the server has rolled the
 * statement back. PGlite has no connection to lose, so its answer is awaited.
 *
 * @throws The signal's reason if it has aborted, otherwise the error of the database or the pool.
 */
export function queryOn(
  client: PostgresClient,
  text: string,
  values: unknown[],
  signal: AbortSignal,
): Promise<unknown[]> {
  return withoutScope(async () => {
    signal.throwIfAborted()
    const run = (sender: PostgresQuery): Promise<{ readonly rows: unknown[] }> => sender.query(text, values)
    if ('listen' in client) return (await run(client)).rows
    const answer = await onConnection(client, (connection) => run(connection).catch(asAnswer), signal)
    if ('error' in answer) throw answer.error
    return answer.rows
  })
}

/**
 * SQLSTATEs after which a connection must not be used again: connection errors (08), operator intervention (57P), system and
 * internal errors (58, XX), a read-only server, such as the old primary after a failover (25006), and a failed transaction that
 * another user of the connection left open (25P). A pool hands out the connection that was returned last, so the next
 * statements would get the same connection and fail too.
 */
const UNUSABLE = /^(?:08|25P|57P|58|XX|25006)/

/**
 * Returns an error that the server answered with and after which the connection is usable; throws any other.
 *
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function asAnswer(error: unknown): { readonly error: unknown } {
  if (!isAnswer(error)) throw error
  return { error }
}

/** Says whether the server answered with this error to a statement, and its connection is usable afterwards. */
export function isAnswer(error: unknown): boolean {
  const severity = readField(error, 'severity')
  const code = readField(error, 'code')
  // Only errors that came over the wire have a severity. Its text is in the server's language, so it is not compared.
  return typeof severity === 'string' && typeof code === 'string' && !UNUSABLE.test(code)
}

/**
 * Runs `work` on one connection of the pool and returns the connection. If `work` fails, or is still pending when `signal`
 * aborts, the connection is destroyed instead, with any open transaction: its state is unknown, and a silent connection would
 * never be free again. A pending statement is cancelled on the server if the server can be reached.
 *
 * @throws The signal's reason if it has aborted, otherwise the error of `work` or the pool.
 */
export async function onConnection<T>(
  pool: PostgresPool,
  work: (connection: PostgresSender) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  // A connection that the pool opens here outlives the caller's unit of work.
  const connecting = withoutScope(() => checkOut(pool))
  const connection = await orAborted(connecting, signal).catch((error: unknown) => {
    // A connection that arrives after the abort must not stay checked out.
    connecting.then(
      (late) => late.release(),
      () => undefined,
    )
    throw error
  })
  let sent = ''
  const query: PostgresSender['query'] = (statement: string | PostgresStatement, values?: unknown[]) => {
    sent = typeof statement === 'string' ? statement : statement.text
    return connection.query(statement as string, values)
  }
  let isUsable = false
  let isOver = false
  const whole = async (): Promise<T> => {
    try {
      return await work({ query })
    } finally {
      isOver = true
    }
  }
  try {
    const result = await orAborted(whole(), signal)
    isUsable = true
    return result
  } finally {
    connection.release(!isUsable)
    if (!isOver) cancelStatement(pool, connection, sent)
  }
}
