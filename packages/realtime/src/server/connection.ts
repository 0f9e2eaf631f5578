import type { WebSocket } from 'ws'
import { formatFrame, type Frame, type ProtocolVersion } from '../frames.ts'
import type { Claims } from './claims.ts'
import type { Membership } from './rooms.ts'

/** One socket. */
export interface Connection {
  readonly version: ProtocolVersion
  readonly memberships: Map<string, Membership>
  /** Of the latest valid token. */
  claims: Claims
  /** What it asked for before it went must not outlive it. */
  gone: boolean
  send(frame: Frame): void
  /** Already formatted for this version. */
  sendRaw(data: string | Uint8Array): void
  end(code: number, reason: string): void
}

/** Wraps a socket so that a slow consumer is dropped rather than remembered for. */
export function createConnection(
  socket: WebSocket,
  version: ProtocolVersion,
  claims: Claims,
  bufferedBytes: number,
): Connection {
  return {
    version,
    claims,
    gone: false,
    memberships: new Map(),
    send(frame) {
      this.sendRaw(formatFrame(frame, version))
    },
    sendRaw(data) {
      if (socket.readyState !== socket.OPEN) return
      if (socket.bufferedAmount > bufferedBytes) {
        // It will reconnect and reload, which costs less than a queue without end.
        socket.terminate()
        return
      }
      socket.send(data)
    },
    end(code, reason) {
      socket.close(code, reason)
    },
  }
}
