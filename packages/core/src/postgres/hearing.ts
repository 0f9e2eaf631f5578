import { randomHex } from '../ids.ts'
import type { Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import type { PostgresConnection, PostgresPool } from './client.ts'
import { pooled, unheard } from './pooled.ts'
import { queryOn } from './query.ts'

/** Milliseconds for an answer, and for a notification after it was sent. */
export const PATIENCE_MS = 5000

const WHO = 'select pg_backend_pid() as pid'
const TELL = 'select pg_backend_pid() as pid, pg_notify($1, $2)'

export interface HearingOptions {
  readonly pool: PostgresPool
  /** The one that listens. */
  readonly connection: PostgresConnection
  /** What it listens to. */
  readonly channel: string
  /** Names the call in the error of its deadline. */
  readonly name: string
  readonly clock: Clock
}

/** Whether a connection that listens is told of anything. */
export interface Hearing {
  /** Sends LISTEN. */
  begin(): Promise<void>
  /** Was this notification our own? */
  takes(channel: string | undefined, payload: string | undefined): boolean
  /**
   * Rejects when the connection is silent, or is not told. `POSTGRES_POOLED` when it is seen why, `POSTGRES_UNHEARD` when a
   * notification stays away.
   */
  prove(): Promise<void>
  /** Ends what is under way: a process that is done waits for no notification. */
  end(): void
}

/**
 * A transaction pooler accepts LISTEN and then tells another client, or nobody. So the connection listens to a private
 * channel as well, and is told something over it now and then.
 *
 * Another connection of the pool says it, since that is how real notifications come: through the queue of the server, to a
 * session that has asked nothing. The session's own NOTIFY would prove nothing. Postgres tells a session of it together with
 * the answer to the statement, and a pooler hands that on. It would only prove that the connection answers, which a
 * question of its own does without the queue. For the same reason the two are not asked at once: as long as a statement of the
 * session is under way, a pooler hands on whatever that server process says.
 *
 * Where no other connection is free in time, or the statement fails, nothing is proved either way and the question alone
 * counts: a busy pool must not cost it the connection that listens.
 *
 * Source: https://www.postgresql.org/docs/current/sql-notify.html
 */
export function createHearing({ pool, connection, channel, name, clock }: HearingOptions): Hearing {
  const ownChannel = `msc_probe_${randomHex(16)}`
  const over = new AbortController()
  let pid: unknown
  let count = 0
  let expected: { readonly payload: string; readonly hear: () => void } | undefined
  let proving: Promise<void> | undefined
  const inTime = <T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    deadline(call, { operation: `${name} listen`, timeoutMs: PATIENCE_MS, clock, signal: over.signal })

  const ask = async (): Promise<void> => {
    const now = pidOf(await inTime(() => connection.query(WHO)))
    if (now !== pid) throw pooled('the server process of one connection changed between two statements')
  }
  const hear = async (): Promise<void> => {
    const payload = String((count += 1))
    const heard = new Promise<void>((resolve) => (expected = { payload, hear: resolve }))
    const told = await inTime((signal) => queryOn(pool, TELL, [ownChannel, payload], signal)).catch(() => undefined)
    if (!told) return
    const teller = pidOf({ rows: told })
    if (teller !== undefined && teller === pid) throw pooled('two open connections have the same server process')
    await inTime(() => heard).catch(() => {
      throw unheard(PATIENCE_MS)
    })
  }

  return {
    async begin() {
      // One transaction, so that it is the process that listens which says its number.
      const answers = await inTime(() => connection.query(`listen ${channel}; listen ${ownChannel}; ${WHO}`))
      pid = pidOf([answers].flat().at(-1))
    },
    takes(from, payload) {
      if (from !== ownChannel) return false
      if (payload === expected?.payload) expected?.hear()
      return true
    },
    async prove() {
      await (proving ??= ask()
        .then(hear)
        .finally(() => (proving = undefined)))
    },
    end: () => over.abort(new Error('It listens no more.')),
  }
}

function pidOf(answer: { readonly rows: readonly unknown[] } | undefined): unknown {
  return (answer?.rows[0] as { readonly pid?: unknown } | undefined)?.pid
}
