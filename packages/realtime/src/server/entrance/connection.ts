import { formatFrame, type Frame, type ProtocolVersion } from '../../phoenix/frames.ts'
import type { Payload } from '../../base/message.ts'
import { CHANNEL } from '../../phoenix/channel-prefix.ts'
import { unstamped } from '../../base/stamp.ts'
import type { Place } from '../admission/admission.ts'
import type { Claims } from './claims.ts'
import type { Membership } from '../rooms/rooms.ts'

/** As a client reads it: one of the protocol's versions, or server-sent events without any. */
export type Format = ProtocolVersion | 'events'

/** The way to one client. */
export interface Transport {
  readonly format: Format
  /** Periods without a sign of life before it counts as gone. */
  readonly patience: number
  isOpen(): boolean
  send(data: string | Uint8Array): void
  /** Bytes that wait to be sent. */
  buffered(): number
  /** Asks for a sign of life, where that is possible. */
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
}

/** One client. */
export interface Connection {
  readonly version: Format
  readonly memberships: Map<string, Membership>
  /** What it may use of its account and its address. */
  readonly place: Place
  /** Of the latest valid token. */
  claims: Claims
  /** What it asked for before it went must not outlive it. */
  gone: boolean
  send(frame: Frame): void
  /** Already formatted for this version. */
  sendRaw(data: string | Uint8Array): void
  end(code: number, reason: string): void
  terminate(): void
}

/** Wraps a transport so that a slow consumer is disconnected instead of being buffered for without bound. */
export function createConnection(
  transport: Transport,
  claims: Claims,
  place: Place,
  bufferedBytes: number,
): Connection {
  return {
    version: transport.format,
    place,
    claims,
    gone: false,
    memberships: new Map(),
    send(frame) {
      this.sendRaw(format(frame, transport.format))
    },
    sendRaw(data) {
      if (!transport.isOpen()) return
      if (transport.buffered() > bufferedBytes) {
        // It will reconnect and reload, which costs less than a queue without end.
        transport.terminate()
        return
      }
      transport.send(data)
    },
    end: (code, reason) => transport.close(code, reason),
    terminate: () => transport.terminate(),
  }
}

export function format(frame: Frame, as: Format): string {
  return as === 'events' ? formatEvent(frame) : formatFrame(frame, as)
}

/** What a plain stream has to know of a message; it stands before the message's text, in a line of its own. */
export interface EventHeader {
  readonly topic?: string
  /** The message's own, where it has one. */
  readonly cursor?: unknown
  /** It says nothing but that there is something to be read. */
  readonly more?: boolean
}

/** A message as a server-sent event, behind its header. */
function formatEvent({ topic, event, payload }: Frame): string {
  const name = topic.slice(CHANNEL.length)
  if (event === 'broadcast') {
    const { event: said, payload: raw } = payload as { readonly event: string; readonly payload?: Payload | null }
    const { stamp, payload: data } = unstamped(raw ?? {})
    const header: EventHeader = { topic: name, cursor: stamp.cursor, ...(stamp.more === true && { more: true }) }
    return `${JSON.stringify(header)}\ndata: ${JSON.stringify({ topic: name, event: said, payload: data })}\n\n`
  }
  // The rest is of the protocol's, but for the end, which everybody wants to know of.
  return event === 'phx_close' ? `{}\nevent: closed\ndata: ${JSON.stringify({ topic: name })}\n\n` : ''
}
