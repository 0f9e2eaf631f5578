import { channelName } from './channel-name.ts'
import { randomHex } from '../ids.ts'
import type { Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import type { PostgresConnection, PostgresPool } from './client.ts'
import { notDelivered, pooled } from './pooled.ts'
import { queryOn } from './query.ts'

/** Milliseconds to wait for an answer, and for a notification after it was sent. */
export const PATIENCE_MS = 5000

const SELECT_PID = 'select pg_backend_pid() as pid'
const NOTIFY = 'select pg_backend_pid() as pid, pg_notify($1, $2)'

export interface ListenProbeOptions {
  readonly pool: PostgresPool
  /** The listening connection. */
  readonly connection: PostgresConnection
  /** The channel to listen on. */
  readonly channel: string
  /** Names the call in a deadline error. */
  readonly name: string
  readonly clock: Clock
}

/** Checks that a listening connection receives notifications. */
export interface ListenProbe {
  /** Sends LISTEN for the channel and for the private one of the probe. */
  begin(): Promise<void>
  /** Returns true if the notification belongs to the probe. */
  takes(channel: string | undefined, payload: string | undefined): boolean
  /**
   * Checks the connection once. Rejects with a DeadlineError if it does not answer, `POSTGRES_POOLED` if the server process
   * ids show a transaction pooler, and `POSTGRES_UNHEARD` if a notification does not arrive.
   */
  prove(): Promise<void>
  /** Aborts a pending check, so that it does not keep the process alive. */
  end(): void
}

/**
 * Creates a probe for a listening connection. A transaction pooler accepts LISTEN and then delivers the notifications to
 * another client or to nobody. So the connection also listens on a private channel, on which the probe sends notifications.
 *
 * Another connection of the pool sends them, because real notifications arrive that way: through the server's queue, at a
 * session that is idle. The session's own NOTIFY would prove nothing: Postgres delivers it together with the answer to the
 * statement, and a pooler forwards both. It would prove only that the connection answers, which a plain query does without
 * the queue. For the same reason the query and the notification follow one another: while a statement of the session is
 * pending, a pooler forwards everything that its server process sends.
 *
 * If no other connection is free in time, or the statement fails, the notification proves nothing and only the query counts:
 * a busy pool must not cost the listening connection.
 *
 * Source: https://www.postgresql.org/docs/current/sql-notify.html
 */
export function createListenProbe({ pool, connection, channel, name, clock }: ListenProbeOptions): ListenProbe {
  const ownChannel = `msc_probe_${randomHex(16)}`
  const ending = new AbortController()
  let pid: unknown
  let count = 0
  let expected: { readonly payload: string; readonly arrived: () => void } | undefined
  let proving: Promise<void> | undefined
  const inTime = <T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    deadline(call, { operation: `${name} listen`, timeoutMs: PATIENCE_MS, clock, signal: ending.signal })

  const checkSession = async (): Promise<void> => {
    const now = pidOf(await inTime(() => connection.query(SELECT_PID)))
    if (now !== pid) throw pooled('the server process of one connection changed between two statements')
  }
  const checkNotification = async (): Promise<void> => {
    const payload = String((count += 1))
    const arrival = new Promise<void>((resolve) => (expected = { payload, arrived: resolve }))
    const sent = await inTime((signal) => queryOn(pool, NOTIFY, [ownChannel, payload], signal)).catch(() => undefined)
    if (!sent) return
    const sender = pidOf({ rows: sent })
    if (sender !== undefined && sender === pid) throw pooled('two open connections have the same server process')
    await inTime(() => arrival).catch(async (error: unknown) => {
      // What ends meanwhile, or answers no more, is a connection that was lost, and no pooler.
      if (ending.signal.aborted) throw error
      await checkSession()
      throw notDelivered(PATIENCE_MS)
    })
  }

  return {
    async begin() {
      // One query string is one transaction, so the id comes from the process that listens.
      const answers = await inTime(() =>
        connection.query(`listen ${channelName(channel)}; listen ${ownChannel}; ${SELECT_PID}`),
      )
      pid = pidOf([answers].flat().at(-1))
    },
    takes(from, payload) {
      if (from !== ownChannel) return false
      if (payload === expected?.payload) expected?.arrived()
      return true
    },
    prove() {
      return (proving ??= checkSession()
        .then(checkNotification)
        .finally(() => (proving = undefined)))
    },
    end: () => ending.abort(new Error('The connection stopped listening.')),
  }
}

function pidOf(answer: { readonly rows: readonly unknown[] } | undefined): unknown {
  return (answer?.rows[0] as { readonly pid?: unknown } | undefined)?.pid
}
