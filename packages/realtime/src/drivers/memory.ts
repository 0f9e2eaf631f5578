import { type Clock, closedError, type DriverError, randomHex } from '@msc/core'
import type { RealtimeDriver, SubscribeOptions } from '../driver.ts'
import { createSocket, type PhoenixSocket, type SocketConstructor } from '../phoenix/phoenix-socket.ts'

/** The part of `createRealtimeServer` that is used. */
interface Server {
  connect(
    token: string,
    onFrame: (text: string) => void,
    onClose: (reason: string) => void,
  ): Promise<{ send(data: string): void; close(): void }>
  publish(message: Parameters<NonNullable<RealtimeDriver['publish']>>[0][number]): void | Promise<void>
}

export interface MemoryOptions {
  /** Made by `createRealtimeServer`, in this process. */
  readonly server: Server
  /** Any valid token of the server's key. Default: the user's own. */
  readonly apiKey?: string | undefined
  readonly clock?: Clock | undefined
}

/** By server: two clients of one have the same backend. */
const backends = new WeakMap<Server, string>()
function backendOf(server: Server): string {
  const known = backends.get(server) ?? `memory ${randomHex(8)}`
  backends.set(server, known)
  return known
}

/**
 * A server of this process without a network in between: the same policies, presence and feeds. For tests
 * and tools.
 */
export function memory({ server, apiKey, clock }: MemoryOptions): RealtimeDriver {
  // By user: the server knows a user by the connection.
  const sockets = new Map<string, PhoenixSocket>()
  let closed = false
  const connect = ({ token, user = token ?? '' }: SubscribeOptions): PhoenixSocket => {
    if (closed) throw closedError('memory')
    for (const [each, { open }] of sockets) if (!open) sockets.delete(each)
    let socket = sockets.get(user)
    if (!socket) {
      socket = createSocket(new URL('memory://server'), {
        Constructor: pipeTo(server, apiKey ?? token ?? ''),
        heartbeatMs: 25_000,
        ...(clock && { clock }),
      })
      sockets.set(user, socket)
    }
    return socket
  }
  return {
    specificationVersion: 1,
    name: 'memory',
    backend: backendOf(server),
    subscribe: (topic, options, handlers, signal) => connect(options).join(topic, options, handlers, signal),
    async publish(messages) {
      for (const message of messages) await server.publish(message)
    },
    async health() {
      if (closed) throw closedError('memory')
    },
    async close() {
      closed = true
      for (const socket of sockets.values()) socket.close()
    },
  }
}

function pipeTo(server: Server, token: string): SocketConstructor {
  type Listener = (event: Readonly<Record<string, unknown>>) => void
  return class {
    readyState = 0
    readonly #listeners = new Map<string, Listener[]>()
    #pipe: { send(data: string): void; close(): void } | undefined
    constructor() {
      const tell = (type: string, event: Parameters<Listener>[0]): void => {
        for (const listener of this.#listeners.get(type) ?? []) listener(event)
      }
      const onClose = (reason: string, refused?: Readonly<Record<string, unknown>>): void => {
        if (this.readyState === 3) return
        this.readyState = 3
        tell('close', { reason, ...refused })
      }
      server
        .connect(
          token,
          (data) => tell('message', { data }),
          (reason) => onClose(reason),
        )
        .then(
          (pipe) => {
            // It may have been closed meanwhile.
            if (this.readyState === 3) return pipe.close()
            this.#pipe = pipe
            this.readyState = 1
            tell('open', {})
          },
          (error: DriverError) => onClose(error.message.replace('[memory] ', ''), asClosed(error, token)),
        )
    }
    addEventListener(type: string, listener: Listener): void {
      this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
    }
    send(data: string): void {
      this.#pipe?.send(data)
    }
    close(): void {
      this.readyState = 3
      this.#pipe?.close()
    }
  }
}

const SAID = new Map([
  ['REALTIME_TOKEN_REFUSED', 'TOKEN_REFUSED'],
  ['REALTIME_RATE_LIMITED', 'RATE_LIMITED'],
  ['REALTIME_REFUSED', 'UNAVAILABLE'],
])

/** As a server closes a connection that it does not take. */
function asClosed({ code, retryable, retryAfterMs }: DriverError, token: string): Readonly<Record<string, unknown>> {
  return { code: 1008, msc: { code: SAID.get(code), nobody: token === '', retryable, retry_after_ms: retryAfterMs } }
}
