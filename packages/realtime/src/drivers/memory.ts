import { type Clock, closedError } from '@msc/core'
import type { RealtimeDriver } from '../driver.ts'
import { createSocket, type PhoenixSocket, type SocketConstructor } from '../phoenix/phoenix-socket.ts'

/** The part of `createRealtimeServer` that is used. */
interface Server {
  connect(
    token: string,
    onFrame: (text: string) => void,
    onClose: (reason: string) => void,
  ): Promise<{ send(data: string): void; close(): void }>
  publish(message: Parameters<NonNullable<RealtimeDriver['publish']>>[0][number]): void
}

export interface MemoryOptions {
  /** Made by `createRealtimeServer`, in this process. */
  readonly server: Server
  /** Any valid token of the server's key. Default: the user's own. */
  readonly apiKey?: string
  readonly clock?: Clock
}

/** A server of this process without a network in between: the same policies, presence and feeds. For tests and tools. */
export function memory({ server, apiKey, clock }: MemoryOptions): RealtimeDriver {
  let socket: PhoenixSocket | undefined
  let closed = false
  const connect = (token: string | undefined): PhoenixSocket => {
    if (closed) throw closedError('memory')
    if (!socket?.open) {
      const url = new URL('memory://server')
      socket = createSocket(url, {
        Constructor: pipeTo(server, apiKey ?? token ?? ''),
        heartbeatMs: 25_000,
        ...(clock && { clock }),
      })
    }
    return socket
  }
  return {
    specificationVersion: 1,
    name: 'memory',
    subscribe: (topic, options, handlers, signal) => connect(options.token).join(topic, options, handlers, signal),
    async publish(messages) {
      for (const message of messages) server.publish(message)
    },
    async health() {
      if (closed) throw closedError('memory')
    },
    async close() {
      closed = true
      socket?.close()
    },
  }
}

function pipeTo(server: Server, token: string): SocketConstructor {
  type Listener = (event: { readonly data?: unknown; readonly reason?: unknown }) => void
  return class {
    readyState = 0
    readonly #listeners = new Map<string, Listener[]>()
    #pipe: { send(data: string): void; close(): void } | undefined
    constructor() {
      const tell = (type: string, event: Parameters<Listener>[0]): void => {
        for (const listener of this.#listeners.get(type) ?? []) listener(event)
      }
      const onClose = (reason: string): void => {
        if (this.readyState === 3) return
        this.readyState = 3
        tell('close', { reason })
      }
      server
        .connect(token, (data) => tell('message', { data }), onClose)
        .then(
          (pipe) => {
            // It may have been closed meanwhile.
            if (this.readyState === 3) return pipe.close()
            this.#pipe = pipe
            this.readyState = 1
            tell('open', {})
          },
          (error: Error) => onClose(error.message),
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
