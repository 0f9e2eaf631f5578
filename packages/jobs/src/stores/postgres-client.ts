import { lazyPeer, toError, type CancelTimer, type Clock } from '@msc/core'

/** What a statement is sent by: a pool or a client of `pg`, PGlite, or a transaction of either. */
export interface PostgresQuery {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>
}

/** A pool of `pg`, as far as it is used. One that takes no callback is good too. */
interface PostgresPool extends PostgresQuery {
  connect(callback?: (error: unknown, connection?: PostgresConnection) => void): Promise<PostgresConnection> | void
}

interface PostgresConnection extends PostgresQuery {
  on(event: string, listener: (...values: never[]) => void): unknown
  removeAllListeners?(): unknown
  release(destroy?: boolean): unknown
}

/** PGlite, as far as it is used. */
interface PostgresEmbedded extends PostgresQuery {
  exec(text: string): Promise<unknown>
  listen(channel: string, callback: () => void): Promise<() => Promise<void>>
}

export type PostgresClient = PostgresPool | PostgresEmbedded

export interface OwnPool extends PostgresPool {
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
}

const loadPg = lazyPeer('jobs', 'pg', () => import('pg'))

/** A pool of our own. An idle connection that breaks is the pool's to replace, and no reason to end the process. */
export async function connectPool(url: string, max: number): Promise<OwnPool> {
  const { default: pg } = await loadPg()
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: 5000, application_name: 'msc-jobs' })
  pool.on('error', () => undefined)
  return pool as unknown as OwnPool
}

/**
 * Takes a connection out of a pool of `pg`. From then on it tells its own listeners alone that it was lost, besides the
 * query that waits for it; with none, the process ends. So it gets one, and at once: a database may say in one packet that
 * it is ready and that it is going, and a promise would come a turn too late for that.
 *
 * Source: https://node-postgres.com/apis/pool#error
 */
function checkOut(pool: PostgresPool): Promise<PostgresConnection> {
  return new Promise((resolve, reject) => {
    const hand = (connection: PostgresConnection): void => {
      connection.on('error', () => undefined)
      resolve(connection)
    }
    const promised = pool.connect((error, connection) => (connection ? hand(connection) : reject(toError(error))))
    promised?.then(hand, reject)
  })
}

const RECONNECT_MS = 1000

/** Calls back at each notification, and after each time that it may have missed some. Returns how to stop. */
export async function listen(
  client: PostgresClient,
  channel: string,
  onNotice: () => void,
  clock: Clock,
): Promise<() => Promise<void>> {
  if ('listen' in client) return client.listen(channel, onNotice)
  let stopped = false
  let current: PostgresConnection | undefined
  let cancelRetry: CancelTimer | undefined

  const connect = async (): Promise<void> => {
    const connection = await checkOut(client)
    if (stopped) return void connection.release(true)
    current = connection
    connection.on('notification', onNotice)
    connection.on('error', lost)
    connection.on('end', lost)
    await connection.query(`listen ${channel}`)
    onNotice()
  }
  const lost = (): void => {
    if (current) {
      current.removeAllListeners?.()
      // What is broken may still emit; nobody else listens any more.
      current.on('error', () => undefined)
      current.release(true)
      current = undefined
    }
    if (stopped) return
    cancelRetry?.()
    // Polling finds the work meanwhile.
    cancelRetry = clock.setTimeout(() => void connect().catch(lost), RECONNECT_MS)
  }
  await connect().catch(lost)
  return async () => {
    stopped = true
    cancelRetry?.()
    lost()
  }
}
