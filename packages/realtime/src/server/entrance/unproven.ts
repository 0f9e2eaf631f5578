import type { CancelTimer } from '@msc/core'
import type { WebSocket } from 'ws'
import type { Place } from '../admission/admission.ts'
import { formatFrame, parseFrame, type Frame } from '../../phoenix/frames.ts'
import type { Runtime } from '../runtime.ts'
import type { Client } from './client.ts'
import { listenTo } from './websocket.ts'

/** Why a connection may not stay, as its client is told. */
export interface Unproved {
  readonly reason: string
  readonly code: 'TOKEN_REFUSED' | 'RATE_LIMITED' | 'UNAVAILABLE'
  /** Milliseconds. */
  readonly retryAfterMs?: number
}

export interface UnprovenContext {
  readonly runtime: Runtime
  /** Whose token it is: the client that the connection is from now on, or why it may not stay. */
  prove(socket: WebSocket, token: string, place: Place, address: string): Promise<Client | Unproved>
}

export interface Unproven {
  readonly size: number
  /** @param place The address's, until the token says whose the connection is. */
  add(socket: WebSocket, place: Place, address: string): void
  close(): void
}

/** For the token to arrive. */
const PROOF_MS = 10_000
/** A token is some hundred bytes; the first frame has nothing else in it. */
const TOKEN_BYTES = 16 * 1024
/** Frames that may come right behind the token, before it is known to be valid, and their bytes. */
const MAX_HELD = 200
const MAX_HELD_BYTES = 1024 * 1024
/** For a peer that is refused to say goodbye. */
const GOODBYE_MS = 1000

/**
 * WebSockets that were opened without a token in their address, where logs would have it: the first frame brings it, and the
 * connection is nobody's until then.
 */
export function createUnproven({ runtime, prove }: UnprovenContext): Unproven {
  const { clock, report } = runtime
  const all = new Set<WebSocket>()

  const add: Unproven['add'] = (socket, place, address) => {
    const held: (readonly [data: Buffer, isBinary: boolean])[] = []
    let heldBytes = 0
    let isAsked = false
    const isOver = (): boolean => !all.has(socket)
    let cancel: CancelTimer = clock.setTimeout(() => end(1008, 'No token came'), PROOF_MS)

    const forget = (): void => {
      cancel()
      all.delete(socket)
    }
    const end = (code: number, reason: string): void => {
      if (isOver()) return
      forget()
      socket.close(code, reason)
      socket.resume()
      cancel = clock.setTimeout(() => socket.terminate(), GOODBYE_MS)
    }
    const refuse = (frame: Frame | undefined, { reason, code, retryAfterMs }: Unproved): void => {
      if (isOver()) return
      const retryable = code !== 'TOKEN_REFUSED'
      const msc = { code, retryable, ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }) }
      const payload = { status: 'error', response: { reason }, msc }
      if (frame && frame.ref !== null) socket.send(formatFrame({ ...frame, event: 'phx_reply', payload }, '2.0.0'))
      // 1013: try again later.
      end(retryable ? 1013 : 1008, reason)
    }
    const first = async (data: Buffer, isBinary: boolean): Promise<void> => {
      const frame = isBinary || data.byteLength > TOKEN_BYTES ? undefined : parseFrame(data.toString('utf8'))
      const token = tokenOf(frame)
      if (token === undefined) {
        return refuse(frame, { reason: 'The first message has to be the token', code: 'TOKEN_REFUSED' })
      }
      // More of it is not read before it is known whose it is.
      socket.pause()
      const answer = await prove(socket, token, place, address)
      if (!('connection' in answer)) return refuse(frame, answer)
      if (isOver()) return
      // What was needed until now would otherwise live as long as the connection.
      forget()
      socket.off('message', onMessage).off('close', forget).off('error', terminate)
      listenTo(socket, answer)
      const payload = { status: 'ok', response: {} }
      socket.send(formatFrame({ ...(frame as Frame), event: 'phx_reply', payload }, '2.0.0'))
      for (const [bytes, binary] of held.splice(0))
        answer.receive(binary ? new Uint8Array(bytes) : bytes.toString('utf8'))
      socket.resume()
    }

    const onMessage = (data: Buffer, isBinary: boolean): void => {
      if (isOver()) return
      if (!isAsked) {
        isAsked = true
        first(data, isBinary).catch((error: unknown) => {
          report(error, 'prove a connection')
          end(1011, 'Internal error')
        })
        return
      }
      heldBytes += data.byteLength
      if (held.length >= MAX_HELD || heldBytes > MAX_HELD_BYTES) return end(1008, 'Too many messages')
      held.push([data, isBinary])
    }
    all.add(socket)
    socket.on('error', terminate)
    socket.on('close', forget)
    socket.on('message', onMessage)
  }
  return {
    get size() {
      return all.size
    },
    add,
    close() {
      for (const socket of all) socket.terminate()
    },
  }
}

function tokenOf(frame: Frame | undefined): string | undefined {
  if (frame?.topic !== 'phoenix' || frame.event !== 'access_token') return undefined
  const token = (frame.payload as { access_token?: unknown } | null)?.access_token
  return typeof token === 'string' ? token : undefined
}

function terminate(this: WebSocket): void {
  this.terminate()
}
