import { ConfigError, DriverError, toError } from '@msc/core'
import type { RealtimeDriver } from '../driver.ts'
import { getHub } from '../hub.ts'
import { createSocket, type SocketConstructor, type PhoenixSocket } from '../phoenix-socket.ts'

export interface EmbeddedOptions {
  /** Origin and path of the server: `https://app.example/realtime/v1`. Not needed to publish beside the server. */
  readonly url?: string
  /** Identifies the application to the server; any valid token of its key. Default: the user's own token. */
  readonly apiKey?: string
  readonly WebSocket?: SocketConstructor
  /** Milliseconds between heartbeats, and for their answer. Default 25 000. */
  readonly heartbeatMs?: number
}

/**
 * Our own client of the embedded server: the same protocol that Supabase's speaks, in a few kilobytes. Beside the server,
 * in its process, it publishes without a socket.
 */
export function embedded(options: EmbeddedOptions = {}): RealtimeDriver {
  let socket: PhoenixSocket | undefined
  let closed = false

  const connect = (token: string | undefined): PhoenixSocket => {
    if (closed) throw new DriverError('embedded', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    if (!options.url) {
      throw new ConfigError('[msc/realtime] [embedded] Missing option `url`.', {
        hint: 'Pass the address of the realtime server, for example https://app.example/realtime/v1.',
      })
    }
    if (socket?.open !== false && socket) return socket
    const url = new URL(`${options.url.replace(/^http/, 'ws').replace(/\/$/, '')}/websocket`)
    url.searchParams.set('apikey', options.apiKey ?? token ?? '')
    url.searchParams.set('vsn', '2.0.0')
    socket = createSocket(url, options.WebSocket ?? WebSocket, options.heartbeatMs ?? 25_000)
    return socket
  }

  return {
    specificationVersion: 1,
    name: 'embedded',
    capabilities: { publish: true },
    subscribe: (topic, subscribeOptions, handlers, signal) =>
      connect(subscribeOptions.token).join(`realtime:${topic}`, subscribeOptions, handlers, signal),
    async publish(messages) {
      const hub = getHub()
      if (!hub) {
        throw new DriverError('embedded', 'No realtime server runs in this process.', {
          hint: 'Start one with createRealtimeServer, or publish through a channel.',
          retryable: true,
        })
      }
      for (const message of messages) hub.publish(message)
    },
    async health(signal) {
      if (closed) throw new DriverError('embedded', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
      if (getHub()) return
      if (!options.url)
        throw new DriverError('embedded', 'No realtime server runs in this process.', { retryable: true })
      const response = await fetch(`${options.url.replace(/^ws/, 'http').replace(/\/$/, '')}/health`, { signal }).catch(
        (error: unknown) => {
          throw new DriverError('embedded', 'The server can not be reached.', {
            retryable: true,
            cause: toError(error),
          })
        },
      )
      await response.body?.cancel()
      if (!response.ok)
        throw new DriverError('embedded', `The server answered ${response.status}.`, { retryable: true })
    },
    async close() {
      closed = true
      socket?.close()
    },
  }
}
