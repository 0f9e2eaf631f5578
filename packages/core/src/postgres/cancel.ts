import { systemClock } from '../time/clock.ts'
import { withoutScope } from '../context/context.ts'
import { checkOut, type PostgresConnection, type PostgresPool } from './client.ts'

/** A statement that nobody waits for any more, and the server process that carries it out. */
interface Abandoned {
  readonly pid: number
  readonly text: string
}

/**
 * Only of a process that still is at this statement: the number may be another's by now, and a pooler invents its own. The
 * server shows the beginning of a long statement.
 */
const CANCEL = `select pg_cancel_backend(activity.pid)
  from pg_stat_activity activity
  join unnest($1::int[], $2::text[]) as given (pid, query) on given.pid = activity.pid
  where activity.state = 'active' and activity.query <> '' and starts_with(given.query, activity.query)`
const PATIENCE_MS = 5000
/** Statements that wait to be cancelled, while the pool has no connection for it. */
const MOST_WAITING = 1000

const underWay = new WeakMap<PostgresPool, Abandoned[]>()

/**
 * Asks the server to end a statement whose connection is given up. It doesn't notice by itself while it waits for a lock,
 * and with a new connection for every one that was given up, a pool of ten would use up all that the server has. One
 * question at a time for each pool; what can't be asked is left to the server. Never rejects.
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

/** Those too that come while there is no connection for it. */
async function cancelAll(pool: PostgresPool, list: Abandoned[]): Promise<void> {
  const connection = await checkOut(pool)
  let isAnswered = true
  while (isAnswered && list.length > 0) isAnswered = await cancelBatch(connection, list.splice(0))
  connection.release(!isAnswered)
}

/** False where there was no answer. */
function cancelBatch(connection: PostgresConnection, batch: readonly Abandoned[]): Promise<boolean> {
  return new Promise((resolve) => {
    // A network that swallows everything swallows this too.
    const cancelTimer = systemClock.setTimeout(() => resolve(false), PATIENCE_MS)
    connection
      .query(CANCEL, [batch.map(({ pid }) => pid), batch.map(({ text }) => text)])
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(cancelTimer)
  })
}
