import type { WebSocket } from 'ws'
import type { ProtocolVersion } from '../../phoenix/frames.ts'
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
