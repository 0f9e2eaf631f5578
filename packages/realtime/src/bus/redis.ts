import {
  DriverError,
  assertMethods,
  closedError,
  deadline,
  every,
  systemClock,
  toError,
  type CancelTimer,
} from '@msc/core'
import type { BusHandlers, RealtimeBus } from './bus.ts'
import { publishing, type BusPublisher, type PublisherOptions } from './publisher.ts'

/** What is used of a connection of `ioredis` that hears. */
export interface RedisSubscriber {
  readonly status: string
  on(event: string, listener: (...values: never[]) => void): unknown
  subscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  disconnect(reconnect?: boolean): void
}

/** What is used of a client of `ioredis`. */
export interface RedisBusClient {
  publish(channel: string, message: string): Promise<unknown>
  ping(): Promise<unknown>
  duplicate(override?: Readonly<Record<string, unknown>>): RedisSubscriber
}

export interface RedisBusOptions extends PublisherOptions {
  /**
   * A client of `ioredis`, of which it makes one connection more to hear on. `close()` leaves it open. Of a Redis Cluster it is a
   * client of one node (`new Redis(…)`), each of which hands on what is published at any. Its `Cluster` is not supported: that
   * changes the node on which it hears without a word, so that nobody would be told of what was missed meanwhile.
   */
  readonly client: RedisBusClient
  /** The same for all servers of an application. Default `msc:realtime`. */
  readonly channel?: string
}

/** Milliseconds between two looks at whether the connection still answers, and for the answer. */
const CHECK_MS = 5000

/**
 * A bus over PUBLISH and SUBSCRIBE of Redis or Valkey. A connection that is lost, or does not answer for five seconds, is made
 * anew.
 *
 * @throws ConfigError `OPTION_INVALID` for a client that is none.
 */
export function redisBus({
  client,
  channel = 'msc:realtime',
  clock = systemClock,
  jwtSecret,
}: RedisBusOptions): RealtimeBus & BusPublisher {
  assertMethods('realtime', 'client', client, ['publish', 'ping', 'duplicate'])
  let subscriber: RedisSubscriber | undefined
  let stopChecking: CancelTimer | undefined
  let stopRetrying: CancelTimer | undefined
  let isHearing = false
  let closed = false

  /** Subscribes whenever the connection is there. */
  const hear = async (handlers: BusHandlers): Promise<void> => {
    const mine = client.duplicate({
      lazyConnect: false,
      // It is subscribed by hand, so that it is known when it hears.
      autoResubscribe: false,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      enableReadyCheck: true,
      retryStrategy: (attempt: number) => Math.min(50 * attempt, 1000),
    })
    subscriber = mine
    let resolveFirst = (): void => {}
    const first = new Promise<void>((resolve) => (resolveFirst = resolve))
    let started = false
    const deafened = (error: unknown): void => {
      isHearing = false
      if (!closed) handlers.onError(failure(error))
      resolveFirst()
    }
    const subscribe = async (): Promise<void> => {
      try {
        await mine.subscribe(channel)
      } catch (error) {
        // Also where the user may not: it may be let in later.
        deafened(error)
        if (!closed) stopRetrying = clock.setTimeout(() => mine.disconnect(true), CHECK_MS)
        return
      }
      isHearing = true
      if (started) handlers.onGap()
      resolveFirst()
    }
    mine.on('message', (from: string, text: string) => {
      if (!closed && from === channel) handlers.onMessage(text)
    })
    mine.on('ready', () => void subscribe())
    mine.on('error', deafened as never)
    mine.on('close', () => {
      isHearing = false
      // Closed before it was ever there.
      if (closed) resolveFirst()
    })
    mine.on('end', resolveFirst)
    const check = (): Promise<void> => checkOn(mine)
    stopChecking = every(CHECK_MS, check, { clock, onError: deafened })
    await first
    started = true
  }
  /** A network that swallows everything closes nothing. */
  const checkOn = async (connection: RedisSubscriber): Promise<void> => {
    if (connection.status !== 'ready') return
    try {
      await deadline(() => connection.ping(), { operation: '[msc/realtime] [redis] ping', timeoutMs: CHECK_MS, clock })
    } catch (error) {
      connection.disconnect(true)
      throw error
    }
  }
  const assertOpen = (): void => {
    if (closed) throw closedError('redis')
  }
  const bus: RealtimeBus = {
    specificationVersion: 1,
    name: 'redis',
    async start(handlers) {
      assertOpen()
      await hear(handlers)
    },
    async send(text, signal) {
      assertOpen()
      signal.throwIfAborted()
      await client.publish(channel, text).catch((error: unknown) => {
        throw failure(error)
      })
    },
    async health(signal) {
      assertOpen()
      signal.throwIfAborted()
      await client.ping().catch((error: unknown) => {
        throw failure(error)
      })
      if (subscriber && !isHearing) {
        throw new DriverError('redis', 'It does not hear messages at the moment.', {
          code: 'REALTIME_BUS_DEAF',
          hint: 'It subscribes again by itself when the server lets it; see the error that was reported.',
          retryable: true,
        })
      }
    },
    async close() {
      closed = true
      stopChecking?.()
      stopRetrying?.()
      subscriber?.disconnect()
    },
  }
  return publishing(bus, { clock, ...(jwtSecret !== undefined && { jwtSecret }) })
}

function failure(error: unknown): DriverError {
  const cause = toError(error)
  const isRefusal = /^(?:NOAUTH|NOPERM|WRONGPASS)/.test(cause.message)
  return new DriverError('redis', cause.message, {
    code: isRefusal ? 'DRIVER_UNAUTHORIZED' : 'DRIVER_UNREACHABLE',
    hint: isRefusal
      ? 'Check the credentials in REDIS_URL, and that the user may publish and subscribe to the channel.'
      : 'Check the host and port in REDIS_URL, and that the server runs.',
    retryable: true,
    cause,
  })
}
