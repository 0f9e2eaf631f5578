import { systemClock, type CancelTimer, type Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import { toError } from '../errors/errors.ts'
import { every } from '../time/every.ts'
import { checkOut, type PostgresClient, type PostgresConnection } from './client.ts'

export interface Listening {
  /** Names the call in the error of its deadline: `[msc/jobs] [postgres]`. */
  readonly name: string
  onNotice(payload: string): void
  /** It listens now; what was said before is unknown. */
  onListening(): void
  /** Told each time that the connection is lost or can't be made. Default: nobody is, and it is tried again all the same. */
  onError?(error: Error): void
  readonly clock?: Clock
}

const RECONNECT_MS = 500
/** A connection that swallows everything looks alive; a question without an answer tells. */
const CHECK_MS = 5000

/**
 * Hears the notifications of one channel, and comes back when the connection is lost, or has not answered a question of
 * ours within five seconds. Returns how to stop.
 */
export async function listen(
  client: PostgresClient,
  channel: string,
  { name, onNotice, onListening, onError, clock = systemClock }: Listening,
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
    deadline(call, { operation: `${name} listen`, timeoutMs: CHECK_MS, clock })

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
    if (error) onError?.(toError(error))
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
