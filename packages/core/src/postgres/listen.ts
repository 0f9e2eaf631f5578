import { systemClock, type CancelTimer, type Clock } from '../time/clock.ts'
import { deadline } from '../time/deadline.ts'
import { toError } from '../errors/errors.ts'
import { runReported } from '../errors/failures.ts'
import { every } from '../time/every.ts'
import { LEAST_CONNECTIONS, assertPoolSize } from './assert-client.ts'
import { channelName } from './channel-name.ts'
import { checkOut, type PostgresClient, type PostgresConnection } from './client.ts'
import { PATIENCE_MS, createListenProbe, type ListenProbe } from './listen-probe.ts'
import { isPooled } from './pooled.ts'

export interface Listening {
  /** Names the call in a deadline error: `[msc/jobs] [postgres]`. */
  readonly name: string
  /** Called with the payload of each notification that arrives after `onListening` was called for its connection. */
  onNotice(payload: string): void
  /**
   * Called when a connection begins to listen. Notifications that were sent before may have been missed, so read what there is.
   * Those that arrive between LISTEN and this call are not handed on: whoever acted on one of them before it has read what was
   * missed would take the later for the earlier.
   */
  onListening(): void
  /** Called each time that the connection is lost or can't be made; `listen` reconnects in any case. Default: does nothing. */
  onError?(error: Error): void
  readonly clock?: Clock
}

const RECONNECT_MS = 500
/** Milliseconds between looks at whether the pool was ended. It emits no event for that. */
const ENDING_MS = 500
/** Milliseconds between checks. A dead connection, or one that gets no notifications, can only be noticed by a check. */
const CHECK_MS = 5000

/** How many parts listen on a pool, each with a connection of its own. */
const listeners = new WeakMap<object, number>()

/**
 * Listens to one channel. Reconnects when the connection is lost, does not answer a query within five seconds, or does not
 * receive a notification that the probe sends to it. It checks this at the start and then every five seconds, for which it
 * briefly needs another connection of the pool. Returns a function that stops it.
 *
 * It does not reject when the database is away, but retries until it is back. When the pool is ended it stops and returns
 * its connection, for which `pool.end()` waits.
 *
 * @throws ConfigError `CHANNEL_INVALID` for a channel whose name is not a plain identifier; `<CONCERN>_POOL_TOO_SMALL` for a
 *   pool in which those that listen would leave no connection for statements.
 * @throws DriverError `POSTGRES_POOLED` or `POSTGRES_UNHEARD` when the first connection accepts LISTEN and receives no
 *   notification, as behind a transaction pooler: reconnecting would not help.
 */
export async function listen(
  client: PostgresClient,
  channel: string,
  { name, onNotice, onListening, onError, clock = systemClock }: Listening,
): Promise<() => Promise<void>> {
  const quoted = channelName(channel)
  // The driver calls back from its own events, where an error would end the process.
  const call = (operation: string, callback: () => unknown): void =>
    runReported(callback, { concern: 'core', driver: 'postgres', operation })
  let announced: unknown
  const notify = (payload: string): void => call('onNotice', () => onNotice(payload))
  const announce = (of: unknown): void => {
    announced = of
    call('onListening', onListening)
  }
  if ('listen' in client) {
    const hear = (payload: string): void => {
      if (announced === client) notify(payload)
    }
    const stop = await client.listen(quoted, hear)
    announce(client)
    // What `listen` returns folds the case of a name that it had been given in quotes, and so never finds it.
    return async () => {
      if (!client.closed) await (client.unlisten ? client.unlisten(quoted, hear) : stop())
    }
  }
  const concern = /^\[msc\/(\w+)\]/.exec(name)?.[1] ?? 'core'
  const others = listeners.get(client) ?? 0
  assertPoolSize(concern, client, others + LEAST_CONNECTIONS)
  listeners.set(client, others + 1)
  let started = false
  let stopped = false
  let current: PostgresConnection | undefined
  let probe: ListenProbe | undefined
  let cancelRetry: CancelTimer | undefined
  let stopChecking: CancelTimer | undefined

  const letGo = (): void => {
    stopChecking?.()
    probe?.end()
    if (!current) return
    current.removeAllListeners?.()
    // A broken connection may still emit `error`, which ends the process if there is no listener.
    current.on('error', () => undefined)
    current.release(true)
    current = undefined
  }
  /** Handles the loss of `connection`, or a failed attempt if it is `undefined`. Events of an earlier connection are ignored. */
  const lost = (connection: PostgresConnection | undefined, error?: unknown): void => {
    if (stopped || current !== connection) return
    letGo()
    if (client.ending) return
    // `listen` throws an error that ends the start, so it must not be reported as well.
    if (error && (started || !isPooled(error))) call('onError', () => onError?.(toError(error)))
    cancelRetry?.()
    cancelRetry = clock.setTimeout(() => void connect(), RECONNECT_MS)
  }
  /** Resolves with the error if the attempt failed. */
  const connect = async (): Promise<unknown> => {
    let late = false
    let connection: PostgresConnection | undefined
    try {
      const connecting = checkOut(client)
      // A connection that arrives after the deadline must not stay checked out.
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
    const mine = createListenProbe({ pool: client, connection, channel, name, clock })
    probe = mine
    const notice = ({ channel: from, payload }: { channel?: string; payload?: string }): void => {
      if (!mine.takes(from, payload) && announced === connection) notify(payload ?? '')
    }
    connection.on('notification', notice as never)
    connection.on('error', ((error: unknown) => lost(connection, error)) as never)
    connection.on('end', (() => lost(connection)) as never)
    await mine.begin()
    // The connection may be lost, or listening stopped, during each `await`.
    const isCurrent = (): boolean => current === connection
    // After a reconnect, report at once that notifications may have been missed: a silent idle connection of the pool can
    // delay the probe.
    if (started && isCurrent()) announce(connection)
    await mine.prove()
    if (!isCurrent()) return
    stopChecking = every(CHECK_MS, mine.prove, { clock, onError: (error) => lost(connection, error) })
    if (!started) announce(connection)
  }
  const stop = (): void => {
    if (stopped) return
    stopped = true
    listeners.set(client, (listeners.get(client) ?? 1) - 1)
    stopLooking()
    cancelRetry?.()
    letGo()
  }
  const stopLooking = every(ENDING_MS, () => client.ending && stop(), { clock, onError: () => undefined })
  const failure = await connect()
  started = true
  if (isPooled(failure)) {
    stop()
    throw failure
  }
  return async () => stop()
}
