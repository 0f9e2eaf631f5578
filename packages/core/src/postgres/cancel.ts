import { systemClock } from '../time/clock.ts'
import { withoutScope } from '../context/context.ts'
import { checkOut, type PostgresConnection, type PostgresPool } from './client.ts'

/** An abandoned statement and the id of the server process that runs it. */
interface Abandoned {
  readonly pid: number
  readonly text: string
}

/**
 * Cancels only if the process still runs this statement: its id may have been reused, and a pooler makes up ids of its own.
 * `starts_with`, because `pg_stat_activity` truncates long statements.
 */
const CANCEL = `select pg_cancel_backend(activity.pid)
  from pg_stat_activity activity
  join unnest($1::int[], $2::text[]) as given (pid, query) on given.pid = activity.pid
  where activity.state = 'active' and activity.query <> '' and starts_with(given.query, activity.query)`
const CANCEL_TIMEOUT_MS = 5000
/** The most statements that wait for a connection on which they can be cancelled. Further ones are left to the server. */
const MOST_WAITING = 1000

const underWay = new WeakMap<PostgresPool, Abandoned[]>()

/**
 * Asks the server to cancel a statement whose connection was destroyed. A server process that waits for a lock does not
 * notice that its client is gone, and the pool opens a connection for each destroyed one, so a pool of ten could use up all
 * connections of the server. Each pool sends one cancel request at a time. A statement that can't be cancelled is left to the
 * server. Never rejects.
 *
 * Source: https://www.postgresql.org/docs/current/functions-admin.html
 */
export function cancelStatement(pool: PostgresPool, connection: PostgresConnection, text: string): void {
  const { processID: pid } = connection
  if (typeof pid !== 'number' || text === '') return
  const waiting = underWay.get(pool)
  if (waiting) {
    if (waiting.length < MOST_WAITING) waiting.push({ pid, text })
    return
  }
  const list = [{ pid, text }]
  underWay.set(pool, list)
  void withoutScope(async () => {
    await cancelAll(pool, list).catch(() => undefined)
    underWay.delete(pool)
  })
}

/** Also cancels the statements that are added while it waits for a connection or an answer. */
async function cancelAll(pool: PostgresPool, list: Abandoned[]): Promise<void> {
  const connection = await checkOut(pool)
  let isAnswered = true
  while (isAnswered && list.length > 0) isAnswered = await cancelBatch(connection, list.splice(0))
  connection.release(!isAnswered)
}

/** Resolves with false if the request failed or got no answer in time. */
function cancelBatch(connection: PostgresConnection, batch: readonly Abandoned[]): Promise<boolean> {
  return new Promise((resolve) => {
    // A network that drops all packets drops this request too.
    const cancelTimer = systemClock.setTimeout(() => resolve(false), CANCEL_TIMEOUT_MS)
    connection
      .query(CANCEL, [batch.map(({ pid }) => pid), batch.map(({ text }) => text)])
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(cancelTimer)
  })
}
