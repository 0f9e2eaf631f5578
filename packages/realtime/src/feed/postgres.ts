import { deadline, every, systemClock, toError, type CancelTimer, type Clock } from '@msc/core'

/** A pool or a client of `pg`, PGlite, or a transaction of either. */
export interface PostgresQuery {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
}
interface PostgresConnection extends PostgresQuery {
  on(event: string, listener: (...values: never[]) => void): unknown
  removeAllListeners?(): unknown
  release(destroy?: boolean): unknown
}
/** A pool of `pg`, as far as it is used. One that takes no callback is good too. */
export interface PostgresPool extends PostgresQuery {
  connect(callback?: (error: unknown, connection?: PostgresConnection) => void): Promise<PostgresConnection> | void
}
/** PGlite, as far as it is used. */
interface PostgresEmbedded extends PostgresQuery {
  listen(channel: string, callback: (payload: string) => void): Promise<() => Promise<void>>
}
export type PostgresClient = PostgresPool | PostgresEmbedded

const survivors = new WeakSet<object>()

/**
 * Takes a connection out of a pool of `pg`. From then on it tells its own listeners alone that it was lost, besides the
 * query that waits for it; with none, the process ends. So it gets one, and at once: a database may say in one packet that
 * it is ready and that it is going, and a promise would come a turn too late for that.
 *
 * Source: https://node-postgres.com/apis/pool#error
 */
export function checkOut(pool: PostgresPool): Promise<PostgresConnection> {
  return new Promise((resolve, reject) => {
    const hand = (connection: PostgresConnection): void => {
      // One for each, as the pool hands it out again and again.
      if (!survivors.has(connection)) connection.on('error', () => undefined)
      survivors.add(connection)
      resolve(connection)
    }
    const promised = pool.connect((error, connection) => (connection ? hand(connection) : reject(toError(error))))
    promised?.then(hand, reject)
  })
}

export interface Listening {
  onNotice(payload: string): void
  /** It listens now; what was said before is unknown. */
  onListening(): void
  onError(error: Error): void
  readonly clock?: Clock
}

const RECONNECT_MS = 500
/** A connection that swallows everything looks alive; a question without an answer tells. */
const CHECK_MS = 5000

/** Hears the notifications of one channel, and comes back when the connection is lost. Returns how to stop. */
export async function listen(
  client: PostgresClient,
  channel: string,
  { onNotice, onListening, onError, clock = systemClock }: Listening,
): Promise<() => Promise<void>> {
  if ('listen' in client) {
    const stop = await client.listen(channel, onNotice)
    onListening()
    return stop
  }
  let stopped = false
  let current: PostgresConnection | undefined
  let cancelRetry: CancelTimer | undefined
  let stopChecking: CancelTimer | undefined
  const inTime = <T>(call: () => Promise<T>): Promise<T> =>
    deadline(call, { operation: '[msc/realtime] listen', timeoutMs: CHECK_MS, clock })

  const lost = (error?: unknown): void => {
    stopChecking?.()
    if (current) {
      current.removeAllListeners?.()
      // What is broken may still emit; nobody else listens any more.
      current.on('error', () => undefined)
      current.release(true)
      current = undefined
    }
    if (stopped) return
    if (error) onError(toError(error))
    cancelRetry?.()
    cancelRetry = clock.setTimeout(() => void connect(), RECONNECT_MS)
  }
  const connect = async (): Promise<void> => {
    let late = false
    try {
      const connecting = checkOut(client)
      // One that comes when nobody waits for it any more must not stay out of the pool.
      connecting.then(
        (connection) => late && connection.release(true),
        () => undefined,
      )
      const connection = await inTime(() => connecting)
      if (stopped) return void connection.release(true)
      current = connection
      connection.on('notification', (({ payload }: { payload?: string }) => onNotice(payload ?? '')) as never)
      connection.on('error', lost as never)
      connection.on('end', (() => lost()) as never)
      await inTime(() => connection.query(`listen ${channel}`))
      watch(connection)
      onListening()
    } catch (error) {
      late = true
      lost(error)
    }
  }
  const watch = (connection: PostgresConnection): void => {
    let answered = true
    const check = (): void => {
      if (current !== connection) return
      if (!answered) return lost(new Error('The listening connection is silent.'))
      answered = false
      connection.query('select 1').then(
        () => (answered = true),
        () => undefined,
      )
    }
    stopChecking = every(CHECK_MS, check, { clock, onError: lost })
  }
  await connect()
  return async () => {
    stopped = true
    cancelRetry?.()
    lost()
  }
}
