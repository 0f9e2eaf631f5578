import type { WebSocket } from 'ws'
import type { ProtocolVersion } from '../../phoenix/frames.ts'
import type { Client } from './client.ts'
import type { Transport } from './connection.ts'

/** A class, because there are ten thousand of them. */
export class WebSocketTransport implements Transport {
  readonly format: ProtocolVersion
  readonly patience = 1
  readonly #socket: WebSocket
  constructor(socket: WebSocket, format: ProtocolVersion) {
    this.#socket = socket
    this.format = format
  }
  get name(): 'websocket' {
    return 'websocket'
  }
  isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }
  send(data: string | Uint8Array): void {
    this.#socket.send(data)
  }
  buffered(): number {
    return this.#socket.bufferedAmount
  }
  ping(): void {
    this.#socket.ping()
  }
  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }
  terminate(): void {
    this.#socket.terminate()
  }
}

const CLIENT = Symbol('client')
type Owned = WebSocket & { [CLIENT]?: Client }

/** Hands what a socket says on to its client. The handlers are the same for all sockets: there are ten thousand of them. */
export function listenTo(socket: WebSocket, client: Client): void {
  const owned: Owned = socket
  owned[CLIENT] = client
  socket.on('pong', onPong)
  socket.on('message', onMessage)
  socket.on('error', onError)
  socket.on('close', onClose)
}

function onPong(this: Owned): void {
  this[CLIENT]?.alive()
}
function onMessage(this: Owned, data: Buffer, isBinary: boolean): void {
  this[CLIENT]?.receive(isBinary ? new Uint8Array(data) : data.toString('utf8'))
}
function onError(this: Owned): void {
  this.terminate()
}
function onClose(this: Owned): void {
  this[CLIENT]?.gone()
}
