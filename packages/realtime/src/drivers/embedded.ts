import { ConfigError, DriverError, deadline, systemClock, toError, type Clock, closedError } from '@msc/core'
import { assertTime } from './assert-time.ts'
import type { RealtimeDriver, SubscribeOptions } from '../driver.ts'
import { getHub } from '../client/hub.ts'
import { createSocket, type SocketConstructor, type PhoenixSocket } from '../phoenix/phoenix-socket.ts'

export interface EmbeddedOptions {
  /** Origin and path of the server: `https://app.example/realtime/v1`. Not needed to publish beside the server. */
  readonly url?: string
  /** Identifies the application to the server; any valid token of its key. Default: the user's own token. */
  readonly apiKey?: string
  readonly WebSocket?: SocketConstructor
  /**
   * Used for ten minutes when two WebSockets in a row could not be opened though the server can be reached: `SseSocket` of `@msc/realtime/sse`, for networks
   * that block them. Default: none.
   */
  readonly fallback?: SocketConstructor
  /** Milliseconds between heartbeats, and for their answer. Default 25 000. */
  readonly heartbeatMs?: number
  readonly clock?: Clock
}

/** WebSockets that may fail to open before the fallback is tried, and for how long it is then used. */
const MAX_REFUSED = 2
const FALLBACK_MS = 600_000
const CHECK_MS = 5000

/**
 * Our own client of the embedded server: the same protocol that Supabase's speaks, in a few kilobytes. Beside the server,
 * in its process, it publishes without a socket.
 *
 * @throws ConfigError `REALTIME_URL_INVALID` for a `url` that is no address, or has a user or a password in it;
 *   `OPTION_INVALID` for an invalid `heartbeatMs`.
 */
export function embedded(options: EmbeddedOptions = {}): RealtimeDriver {
  const { clock = systemClock, heartbeatMs = 25_000 } = options
  assertTime('heartbeatMs', heartbeatMs)
  const base = options.url?.replace(/\/$/, '')
  const socketAddress = (): URL => {
    const url = URL.parse(`${base?.replace(/^http/, 'ws')}/websocket`)
    // `fetch` refuses URLs that contain a user or a password.
    if (url && /^wss?:..[^@/]+\//.test(url.href)) return url
    throw new ConfigError('[msc/realtime] [embedded] `url` is no address or has a password.', {
      code: 'REALTIME_URL_INVALID',
      hint: 'Pass the address of the realtime server, for example https://app.example/realtime/v1.',
    })
  }
  // Without one it publishes beside the server, and says so when it is to subscribe.
  if (base !== undefined) socketAddress()
  // By user: the server knows a user by the connection.
  const sockets = new Map<string, PhoenixSocket>()
  let closed = false
  let refused = 0
  let fallbackUntil = 0

  const connect = ({ token, user = token ?? '' }: SubscribeOptions): PhoenixSocket => {
    if (closed) throw closedError('embedded')
    const url = socketAddress()
    const found = sockets.get(user)
    if (found?.open) return found
    url.searchParams.set('apikey', options.apiKey ?? token ?? '')
    url.searchParams.set('vsn', '2.0.0')
    const { fallback } = options
    const shared = { heartbeatMs, clock }
    if (fallback && clock.monotonic() < fallbackUntil) {
      const socket = createSocket(url, { ...shared, Constructor: fallback })
      sockets.set(user, socket)
      return socket
    }
    const socket = createSocket(url, {
      ...shared,
      Constructor: options.WebSocket ?? WebSocket,
      onOpened(opened) {
        if (opened) refused = 0
        else if (fallback) void countRefusal()
      },
    })
    sockets.set(user, socket)
    return socket
  }
  /** A server that can be reached while its WebSocket can not: the network is in the way. */
  const countRefusal = async (): Promise<void> => {
    const check = async (signal: AbortSignal): Promise<boolean> => {
      const { ok, body } = await askHealth(signal)
      await body?.cancel()
      return ok
    }
    const what = { operation: '[msc/realtime] [embedded] health', timeoutMs: CHECK_MS, clock }
    const reached = await deadline(check, what).catch(() => false)
    refused = reached ? refused + 1 : 0
    if (refused < MAX_REFUSED) return
    refused = 0
    fallbackUntil = clock.monotonic() + FALLBACK_MS
  }
  const askHealth = (signal: AbortSignal): Promise<Response> =>
    fetch(`${base?.replace(/^ws/, 'http')}/health`, { signal })

  return {
    specificationVersion: 1,
    name: 'embedded',
    ...(base !== undefined && {
      endpoint: URL.parse(base)?.origin ?? '',
      backend: `${base} ${options.apiKey}`,
    }),
    subscribe: (topic, subscribeOptions, handlers, signal) =>
      connect(subscribeOptions).join(topic, subscribeOptions, handlers, signal),
    async publish(messages) {
      const hub = getHub()
      if (!hub) throw notStarted()
      for (const message of messages) hub.publish(message)
    },
    async health(signal) {
      if (closed) throw closedError('embedded')
      if (getHub()) return
      if (!base) throw notStarted()
      // Loaded when it is asked for: a page that never asks does not carry it.
      const { judgeAnswer, readAnswer } = await import('@msc/core/http-answer')
      const unreachable = (error: unknown): never => {
        throw new DriverError('embedded', 'The server can not be reached.', {
          code: 'DRIVER_UNREACHABLE',
          retryable: true,
          cause: toError(error),
        })
      }
      const response = await askHealth(signal).catch(unreachable)
      const answer = await readAnswer(response, signal).catch(unreachable)
      const problem = judgeAnswer(answer, {
        credentials: 'Check the api key.',
        address: 'Check the address of the realtime server.',
        now: clock.now,
      })
      if (problem) throw new DriverError('embedded', problem.message, problem)
    },
    async close() {
      closed = true
      for (const socket of sockets.values()) socket.close()
    },
  }
}

function notStarted(): DriverError {
  return new DriverError('embedded', 'No realtime server runs in this process.', {
    hint: 'Start one with createRealtimeServer, or pass `url` and publish through a channel.',
    retryable: true,
  })
}
