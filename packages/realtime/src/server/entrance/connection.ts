import type { Frame } from '../../phoenix/frames.ts'
import type { Place } from '../admission/admission.ts'
import type { Bucket } from '../admission/bucket.ts'
import type { Counters } from '../counters.ts'
import { format, formatText, type Format, type TextFrame } from '../wire/format.ts'
import type { Membership } from '../rooms/rooms.ts'
import type { Claims } from './claims.ts'

export type { Format } from '../wire/format.ts'

/** `polling`: answers to requests; `sse`: frames as server-sent events; `stream`: plain messages for any EventSource. */
export type TransportName = 'websocket' | 'sse' | 'polling' | 'stream' | 'in-process'

/** The way to one client. */
export interface Transport {
  readonly name: TransportName
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
  readonly transport: TransportName
  readonly memberships: Map<string, Membership>
  /** What it may use of its account and its address. */
  readonly place: Place
  /** Of the token by which it was opened. What it joined by is its memberships' own. */
  claims: Claims
  /** What it asked for before it went must not outlive it. */
  gone: boolean
  /** It was told to go: nothing more of what it says is taken, so that nothing is that would be told to nobody. */
  ending: boolean
  /** Its changes of presence; made with the first. */
  presenceChanges?: Bucket
  send(frame: Frame): void
  /** A frame whose payload is JSON already. */
  sendText(frame: TextFrame): void
  /** Already formatted for this version. */
  sendRaw(data: string | Uint8Array): void
  end(code: number, reason: string): void
  terminate(): void
}

/** What all connections share. */
export interface ConnectionPorts {
  readonly bufferedBytes: number
  readonly counters: Counters
}

/**
 * Wraps a transport so that a slow consumer is disconnected instead of being buffered for without bound. A class, because
 * there are ten thousand of them.
 */
export class ClientConnection implements Connection {
  readonly memberships: Map<string, Membership> = new Map()
  readonly place: Place
  claims: Claims
  gone = false
  ending = false
  presenceChanges?: Bucket
  readonly #transport: Transport
  readonly #ports: ConnectionPorts
  constructor(transport: Transport, claims: Claims, place: Place, ports: ConnectionPorts) {
    this.#transport = transport
    this.#ports = ports
    this.claims = claims
    this.place = place
  }
  get transport(): TransportName {
    return this.#transport.name
  }
  get version(): Format {
    return this.#transport.format
  }
  send(frame: Frame): void {
    this.sendRaw(format(frame, this.version))
  }
  sendText(frame: TextFrame): void {
    // Plain event streams have broadcasts alone, which come formatted.
    if (this.version !== 'events') this.sendRaw(formatText(frame, this.version))
  }
  sendRaw(data: string | Uint8Array): void {
    if (!this.#transport.isOpen()) return
    if (this.#transport.buffered() > this.#ports.bufferedBytes) {
      // It will reconnect and reload, which costs less than a queue without end.
      this.#ports.counters.countRefused('SLOW_CONSUMER')
      this.#transport.terminate()
      return
    }
    this.#transport.send(data)
  }
  end(code: number, reason: string): void {
    this.ending = true
    this.#transport.close(code, reason)
  }
  terminate(): void {
    this.#transport.terminate()
  }
}
