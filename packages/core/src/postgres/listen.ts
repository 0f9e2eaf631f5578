import { systemClock, type CancelTimer, type Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import { toError } from '../errors/errors.ts'
import { runReported } from '../errors/failures.ts'
import { every } from '../time/every.ts'
import { checkOut, type PostgresClient, type PostgresConnection } from './client.ts'
import { PATIENCE_MS, createHearing, type Hearing } from './hearing.ts'
import { isDeaf } from './pooled.ts'

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
/** A connection that swallows everything looks alive, and so does one that is told nothing; what has to come back tells. */
const CHECK_MS = 5000

/**
 * Hears the notifications of one channel, and comes back when the connection is lost, has not answered a question of ours
 * within five seconds, or was not told of a notification that we sent to it. It looks for that when it begins, and then
 * every five seconds, for which it needs another connection of the pool for a moment. Returns how to stop.
 *
 * A database that is away does not make it reject: it is tried again until there is one.
 *
 * @throws DriverError `POSTGRES_POOLED` or `POSTGRES_UNHEARD` when the first connection takes LISTEN and hears nothing, as
 *   behind a transaction pooler: it would never hear anything.
 */
export async function listen(
  client: PostgresClient,
  channel: string,
  { name, onNotice, onListening, onError, clock = systemClock }: Listening,
): Promise<() => Promise<void>> {
  // Called from the driver's own events: an error that got there would end the process.
  const call = (operation: string, callback: () => unknown): void =>
    runReported(callback, { concern: 'core', driver: 'postgres', operation })
  const notify = (payload: string): void => call('onNotice', () => onNotice(payload))
  const announce = (): void => call('onListening', onListening)
  if ('listen' in client) {
    const stop = await client.listen(channel, notify)
    announce()
    return stop
  }
  let started = false
  let stopped = false
  let current: PostgresConnection | undefined
  let hearing: Hearing | undefined
  let cancelRetry: CancelTimer | undefined
  let stopChecking: CancelTimer | undefined

  const letGo = (): void => {
    stopChecking?.()
    hearing?.end()
    if (!current) return
    current.removeAllListeners?.()
    // What is broken may still emit; nobody else listens any more.
    current.on('error', () => undefined)
    current.release(true)
    current = undefined
  }
  /** `connection`: what was lost, or `undefined` when there was none to lose. What another one says later is old news. */
  const lost = (connection: PostgresConnection | undefined, error?: unknown): void => {
    if (stopped || current !== connection) return
    letGo()
    // What ends the start is thrown there.
    if (error && (started || !isDeaf(error))) call('onError', () => onError?.(toError(error)))
    cancelRetry?.()
    cancelRetry = clock.setTimeout(() => void connect(), RECONNECT_MS)
  }
  /** Returns what it failed with. */
  const connect = async (): Promise<unknown> => {
    let late = false
    let connection: PostgresConnection | undefined
    try {
      const connecting = checkOut(client)
      // One that comes when nobody waits for it any more must not stay out of the pool.
      connecting.then(
        (each) => late && each.release(true),
        () => undefined,
      )
      const taken = await deadline(() => connecting, { operation: `${name} listen`, timeoutMs: PATIENCE_MS, clock })
      if (stopped) return void taken.release(true)
      current = connection = taken
      await attend(taken)
    } catch (error) {
      late = true
      lost(connection, error)
      return error
    }
    return undefined
  }
  const attend = async (connection: PostgresConnection): Promise<void> => {
    const mine = createHearing({ pool: client, connection, channel, name, clock })
    hearing = mine
    const notice = ({ channel: from, payload }: { channel?: string; payload?: string }): void => {
      if (!mine.takes(from, payload)) notify(payload ?? '')
    }
    connection.on('notification', notice as never)
    connection.on('error', ((error: unknown) => lost(connection, error)) as never)
    connection.on('end', (() => lost(connection)) as never)
    await mine.begin()
    // It may be lost or stopped at any time.
    const isCurrent = (): boolean => current === connection
    // Whoever listened before is missing something, and an idle connection of the pool that has gone silent delays the proof.
    if (started && isCurrent()) announce()
    await mine.prove()
    if (!isCurrent()) return
    stopChecking = every(CHECK_MS, mine.prove, { clock, onError: (error) => lost(connection, error) })
    if (!started) announce()
  }
  const failure = await connect()
  started = true
  const stop = (): void => {
    stopped = true
    cancelRetry?.()
    letGo()
  }
  if (isDeaf(failure)) {
    stop()
    throw failure
  }
  return async () => stop()
}
