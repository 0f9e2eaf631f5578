import { ConfigError, DriverError, systemClock, type Clock, closedError } from '@msc/core'
import { assertTime } from './assert-time.ts'
import type { BusPublisher } from '../bus/publisher.ts'
import type { RealtimeDriver, SubscribeOptions } from '../driver.ts'
import { hubs } from '../client/hub.ts'
import { createSocket, type SocketConstructor, type PhoenixSocket } from '../phoenix/phoenix-socket.ts'

export interface EmbeddedOptions {
  /**
   * Origin and path of the server: `https://app.example/realtime/v1`; in a browser the path alone, of the page's own origin. Not
   * needed to publish beside the one server of this process.
   */
  readonly url?: string | undefined
  /**
   * Identifies the application to the server: any valid token of its key, such as one with the role `anon`. Without it nobody can
   * join anything who is not signed in. Default: the user's own token.
   */
  readonly apiKey?: string | undefined
  readonly WebSocket?: SocketConstructor | undefined
  /**
   * Other ways for networks that block WebSockets, one or several: `SseSocket` of `@msc/realtime/sse`, `PollSocket` of
   * `@msc/realtime/polling`; `true` for both, in this order, loaded when the first WebSocket could not be opened. They take
   * turns with the WebSocket until one opens; what opened last is tried first the next time, and the WebSocket is tried
   * again in the background. Default: none.
   */
  readonly fallback?: true | SocketConstructor | readonly SocketConstructor[] | undefined
  /** Of the servers: a process without one publishes over it. Closed by whoever made it. */
  readonly bus?: BusPublisher | undefined
  /** Milliseconds between heartbeats, and for their answer. Default 25 000. */
  readonly heartbeatMs?: number | undefined
  readonly clock?: Clock | undefined
}

/**
 * Our own client of the embedded server: the same protocol that Supabase's speaks, in a few kilobytes. Beside the server,
 * in its process, it publishes without a socket.
 *
 * @throws ConfigError `REALTIME_URL_INVALID` for a `url` that is no address, or has a user or a password in it, and when
 *   a topic is joined without one;
 *   `OPTION_INVALID` for an invalid `heartbeatMs`.
 */
export function embedded(options: EmbeddedOptions = {}): RealtimeDriver {
  const { clock = systemClock, heartbeatMs = 25_000 } = options
  assertTime('heartbeatMs', heartbeatMs)
  let base = options.url?.replace(/\/$/, '')
  if (base?.[0] === '/') base = (globalThis as { location?: { origin: string } }).location?.origin + base
  const socketAddress = (): URL => {
    try {
      const url = new URL(`${base?.replace(/^http/, 'ws')}/websocket`)
      // `fetch` refuses URLs that contain a user or a password.
      if (/^wss?:..[^@/]+\//.test(url.href)) return url
    } catch {}
    throw new ConfigError(
      '[msc/realtime] [embedded] `url` is not like https://app.example/realtime/v1, without a password.',
      {
        code: 'REALTIME_URL_INVALID',
      },
    )
  }
  // Without one it publishes beside the server, and says so when it is to subscribe.
  if (base !== undefined) socketAddress()
  /** One for each identity: a join must never go over a connection of somebody else's. */
  const sockets = new Map<string, PhoenixSocket>()
  const { fallback = [] } = options
  const ways: (SocketConstructor | undefined)[] = [options.WebSocket]
  if (fallback !== true) ways.push(...[fallback].flat())
  let way = 0
  let closed = false

  const open = (token: string | undefined, index: number, onOpened: (opened: boolean) => void): PhoenixSocket => {
    const url = socketAddress()
    url.searchParams.set('vsn', '2.0.0')
    return createSocket(url, {
      Constructor: ways[index] ?? (WebSocket as SocketConstructor),
      token: options.apiKey ?? token ?? '',
      heartbeatMs,
      clock,
      onOpened,
    })
  }
  const connect = ({ token, user: who = token ?? '' }: SubscribeOptions): PhoenixSocket => {
    if (closed) throw closedError('embedded')
    for (const [key, { open: isOpen }] of sockets) if (!isOpen) sockets.delete(key)
    const known = sockets.get(who)
    if (known) return known
    const index = way
    const socket = open(token, index, (opened) => {
      if (opened) {
        way = index
        // Code for those who need another way. Without it they stay on it, which works.
        if (index > 0) {
          import('../fallback/way-back.ts')
            .then(({ tryAgain }) =>
              tryAgain(
                socket,
                clock,
                (then) => open(token, 0, then),
                connect,
                (between) => {
                  way = 0
                  sockets.set(who, between)
                },
              ),
            )
            .catch(() => {})
        }
      } else if (fallback === true && !ways[1]) {
        import('../fallback/ways.ts')
          .then((others) => {
            ways.push(...others.ways)
            way = 1
          })
          .catch(() => {})
      }
      // Another identity's connection may have moved on already.
      else if (way === index) way = (index + 1) % ways.length
    })
    sockets.set(who, socket)
    return socket
  }
  const late = (): Promise<typeof import('./embedded-health.ts')> => import('./embedded-health.ts')

  return {
    specificationVersion: 1,
    name: 'embedded',
    ...(base !== undefined && { endpoint: new URL(base).origin, backend: `${base} ${options.apiKey}` }),
    subscribe: (topic, subscribeOptions, handlers, signal) =>
      connect(subscribeOptions).join(topic, subscribeOptions, handlers, signal),
    async publish(messages, signal) {
      const [hub, ...others] = hubs()
      if (!hub || others[0]) return (await late()).publishAway(messages, options.bus, signal, { DriverError }, !!hub)
      for (const message of messages) await hub.publish(message)
    },
    async health(signal) {
      if (closed) throw closedError('embedded')
      await (await late()).checkHealth({ hubs: hubs(), base, DriverError, clock }, signal)
    },
    async close() {
      closed = true
      for (const socket of sockets.values()) socket.close()
    },
  }
}
