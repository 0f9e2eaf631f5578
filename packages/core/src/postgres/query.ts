import { withoutScope } from '../context/context.ts'
import { orAborted } from '../time/or-aborted.ts'
import { cancelStatement } from './cancel.ts'
import { checkOut, type PostgresClient, type PostgresPool, type PostgresQuery } from './client.ts'

/**
 * One statement, outside of any unit of work: what it opens outlives whoever needed it first. Where `signal` ends before the
 * answer, or the connection fails, it is ended rather than given back, so that a network that swallows everything costs each
 * connection one statement and never the pool. The server may still carry out what it was sent. A server that answers by an
 * error has answered: it rolled the statement back, and the connection is as good as before. PGlite has no connection to
 * lose: its answer is waited for.
 *
 * @throws the signal's reason when that has ended, else what the database or the pool failed with.
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
 * Errors after which a server says no more, or should not be asked: the connection's, an operator's, those of its own faults;
 * that it only reads, as one does that was the primary until a failover; and that the connection is in a failed transaction,
 * which whoever began it has left open: a pool hands out the connection that came back last, so it would be met again and again.
 */
const LAST_WORDS = /^(?:08|25P|57P|58|XX|25006)/

/**
 * An error that the server answered with, which leaves the connection as it was; throws any other.
 *
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function asAnswer(error: unknown): { readonly error: unknown } {
  const { severity, code } = (error ?? {}) as { readonly severity?: unknown; readonly code?: unknown }
  // Only what came over the wire has a severity; its words are the server's language.
  if (typeof severity !== 'string' || typeof code !== 'string' || LAST_WORDS.test(code)) throw error
  return { error }
}

/**
 * Runs `work` on one connection of the pool, and gives the connection back. Where `work` fails, or is not done when
 * `signal` ends, the connection is ended instead, and takes with it what was begun on it: nobody knows what state it is
 * in, and one that has gone silent would never be free again. A statement that was under way is cancelled on the server,
 * as far as that can be reached.
 *
 * @throws the signal's reason when that has ended, else what `work` or the pool failed with.
 */
export async function onConnection<T>(
  pool: PostgresPool,
  work: (connection: PostgresQuery) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  // A connection that the pool opens for it outlives whoever needed it first.
  const connecting = withoutScope(() => checkOut(pool))
  const connection = await orAborted(connecting, signal).catch((error: unknown) => {
    // One that comes when nobody waits for it any more must not stay out of the pool.
    connecting.then(
      (late) => late.release(),
      () => undefined,
    )
    throw error
  })
  let sent = ''
  const query: PostgresQuery['query'] = (text, values) => {
    sent = text
    return connection.query(text, values)
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
