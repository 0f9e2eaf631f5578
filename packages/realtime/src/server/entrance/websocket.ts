import type { WebSocket } from 'ws'
import type { ProtocolVersion } from '../../phoenix/frames.ts'
import type { Client } from './client.ts'
import type { Transport } from './connection.ts'

/** What `ws` does not say of itself: other servers send frames that were made once by it too, such as engine.io. */
interface Framed {
  readonly _sender?: { sendFrame?(frame: readonly [Uint8Array]): void }
}

const TEXT = 0x81
const BINARY = 0x82

/** What a server sends, whole and neither masked nor compressed. RFC 6455, 5.2. */
function framed(data: string | Uint8Array): Uint8Array {
  const isText = typeof data === 'string'
  const length = isText ? Buffer.byteLength(data) : data.byteLength
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = isText ? TEXT : BINARY
  if (start === 2) frame[1] = length
  else if (start === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  if (isText) frame.write(data, start, 'utf8')
  else frame.set(data, start)
  return frame
}

/** What was sent last: in a room it is the same for everybody, who get the same bytes by one write each. */
let last: { readonly data: string | Uint8Array; readonly frame: readonly [Uint8Array] } | undefined

function send(socket: WebSocket, data: string | Uint8Array): void {
  const sender = (socket as Framed)._sender
  if (!sender?.sendFrame) return socket.send(data)
  if (last?.data !== data) last = { data, frame: [framed(data)] }
  sender.sendFrame(last.frame)
}

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
    send(this.#socket, data)
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
