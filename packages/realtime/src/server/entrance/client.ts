import type { Frame } from '../../phoenix/frames.ts'
import type { Place } from '../admission/admission.ts'
import { fullBucket, perSecond, spend, waitFor, type Bucket, type Rate } from '../admission/bucket.ts'
import { leave } from '../rooms/membership.ts'
import type { SessionContext } from '../session/context.ts'
import { limited, refusal, type Refused } from '../session/refusal.ts'
import { refuse } from '../session/reply.ts'
import { handleFrame } from '../session/session.ts'
import type { SentFrame } from '../wire/exact.ts'
import { parseIncoming } from '../wire/parse-incoming.ts'
import type { Claims } from './claims.ts'
import { ClientConnection, type Connection, type ConnectionPorts, type Transport } from './connection.ts'

/** What comes from one client, whatever the way. None of these throws. */
export interface Client {
  readonly connection: Connection
  receive(data: string | Uint8Array): void
  /** A sign of life that says nothing else. */
  alive(): void
  /** Takes no more. Resolves when all that was taken is answered; `undefined` where it is already. */
  finish(): Promise<void> | undefined
  /** The way to it is closed. */
  gone(): void
}

/** What all clients share: what one of them had for itself would be there ten thousand times. */
export interface ClientPorts extends ConnectionPorts {
  readonly context: SessionContext
  /** Called when it is gone. */
  left(client: FrameClient): void
  /** Ends a connection now, whether or not its peer says goodbye. */
  cut(client: FrameClient, code: number, reason: string): void
  /** Frames of a client that were not taken. */
  dropped(): void
}

/** A client that goes on like this after it was refused is not one that is only too fast. */
const FLOOD = 10
/** Frames of one connection, and their bytes, that wait while the policies are asked. More are refused to their sender. */
const MAX_WAITING = 1000
const MAX_WAITING_BYTES = 1024 * 1024
/** Bytes of a refused frame that weigh as much as one frame: it has to be read to be refused. */
const WEIGHT_BYTES = 4096

/** One client: counts what it sends, and answers frame after frame. */
export class FrameClient implements Client {
  readonly connection: Connection
  /** When it came, in monotonic milliseconds. */
  readonly since: number
  readonly #transport: Transport
  readonly #ports: ClientPorts
  readonly #frames: Bucket
  /** When it is asked for a sign of life again, in monotonic milliseconds. */
  #pingAt: number
  /** Made when it is needed, which for most clients is never. */
  #refusals: Bucket | undefined
  /** One frame after the other: a join and the broadcast behind it must not overtake each other. */
  #queue: Promise<void> = Promise.resolve()
  #waiting = 0
  #waitingBytes = 0
  /** Frames that were taken and are not answered yet. */
  #unanswered = 0
  #isFinishing = false
  #missed = 0

  constructor(transport: Transport, claims: Claims, place: Place, ports: ClientPorts) {
    const { limits, runtime } = ports.context
    this.#transport = transport
    this.#ports = ports
    this.connection = new ClientConnection(transport, claims, place, ports)
    const now = runtime.clock.monotonic()
    this.since = now
    this.#frames = fullBucket(perSecond(limits.framesPerSecond), now)
    this.#pingAt = now + limits.pingMs
  }

  alive(): void {
    this.#missed = 0
  }

  /** Asks for a sign of life when it is time, or ends what has missed too many. */
  watch(now: number): void {
    if (now < this.#pingAt) return
    this.#pingAt = now + this.#ports.context.limits.pingMs
    if (this.#missed >= this.#transport.patience) return this.#transport.terminate()
    this.#missed += 1
    this.#transport.ping()
  }

  receive(data: string | Uint8Array): void {
    const isDone = this.#ports.context.runtime.attempt('take a frame', () => this.#take(data))
    if (!isDone) this.#fail()
  }

  finish(): Promise<void> | undefined {
    this.#isFinishing = true
    return this.#unanswered === 0 ? undefined : this.#queue
  }

  gone(): void {
    const { connection } = this
    if (connection.gone) return
    const { rooms, runtime } = this.#ports.context
    connection.gone = true
    // Each by itself: what fails in one topic must not leave it in the others.
    for (const membership of connection.memberships.values()) {
      runtime.attempt('leave a topic', () => leave(membership, rooms))
    }
    connection.place.leave()
    this.#ports.left(this)
  }

  #take(data: string | Uint8Array): void {
    const { connection } = this
    const { limits, runtime } = this.#ports.context
    if (connection.gone || connection.ending || this.#isFinishing) return
    this.alive()
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength
    const tooMany = this.#excess(bytes)
    if (tooMany && this.#floods(bytes)) return
    const { frame, ...none } = parseIncoming(data, bytes, limits.frameBytes)
    if (!frame) {
      // What is no frame costs as much as one that is refused.
      if (!tooMany && this.#floods(bytes)) return
      const { code, text, head } = none as Exclude<ReturnType<typeof parseIncoming>, { frame: SentFrame }>
      if (head) refuse(connection, head, tooMany ?? refusal(code, text), runtime)
      else runtime.counters.countRefused(code)
      return
    }
    if (tooMany && !isAlwaysTaken(frame)) return refuse(connection, frame, tooMany, runtime)
    if (tooMany) runtime.counters.countRefused(tooMany.code)
    this.#enqueue(frame, bytes)
  }

  #enqueue(frame: SentFrame, bytes: number): void {
    const { runtime } = this.#ports.context
    // A sign of life does not wait for what the policies are asked.
    if (frame.topic === 'phoenix') {
      this.#answer(frame).catch((error: unknown) => this.#failed(error))
      return
    }
    if (this.#waiting >= MAX_WAITING || this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#ports.dropped()
      return refuse(this.connection, frame, refusal('RATE_LIMITED', 'Too many messages wait for an answer'), runtime)
    }
    this.#waiting += 1
    this.#waitingBytes += bytes
    this.#unanswered += 1
    this.#queue = this.#queue.then(async () => {
      this.#waiting -= 1
      this.#waitingBytes -= bytes
      await this.#answer(frame).catch((error: unknown) => this.#failed(error))
      this.#unanswered -= 1
    })
  }

  async #answer(frame: SentFrame): Promise<void> {
    const { gone, ending } = this.connection
    if (!gone && !ending) await handleFrame(this.connection, frame, this.#ports.context)
  }

  #failed(error: unknown): void {
    this.#ports.context.runtime.report(error, 'answer a frame')
    this.#fail()
  }

  #fail(): void {
    this.#ports.context.runtime.attempt('end a connection that fails', () => {
      this.connection.end(1011, 'Internal error')
    })
  }

  /** Why a frame is too much, of this connection, its account or its address. */
  #excess(bytes: number): Refused | undefined {
    const { limits, runtime } = this.#ports.context
    const waitMs = takeFrom(this.#frames, perSecond(limits.framesPerSecond), 1, runtime.clock.monotonic())
    if (waitMs > 0) return refusal('RATE_LIMITED', 'Too many messages in a second of one connection', waitMs)
    const found = this.connection.place.take({ framesPerSecond: 1, frameBytesPerSecond: bytes })
    return found && limited(found)
  }

  /** Counts a frame that is not taken. True when there are so many that the connection was cut. */
  #floods(bytes: number): boolean {
    const { limits, runtime } = this.#ports.context
    const rate = perSecond(limits.framesPerSecond * FLOOD)
    const now = runtime.clock.monotonic()
    this.#ports.dropped()
    this.#refusals ??= fullBucket(rate, now)
    if (takeFrom(this.#refusals, rate, 1 + bytes / WEIGHT_BYTES, now) === 0) return false
    runtime.counters.countRefused('FLOOD')
    this.#ports.cut(this, 1008, 'Too many messages')
    return true
  }
}

/** @returns Milliseconds until there is enough; 0 when it was taken. */
function takeFrom(bucket: Bucket, rate: Rate, amount: number, now: number): number {
  const waitMs = waitFor(bucket, rate, amount, now)
  if (waitMs === 0) spend(bucket, amount)
  return waitMs
}

/**
 * To refuse these costs as much as to take them: whoever leaves makes room, and a client whose heartbeat is refused takes the
 * connection for a dead one and comes back with all its joins. They are counted all the same.
 */
function isAlwaysTaken({ topic, event }: Frame): boolean {
  return event === 'phx_leave' || (topic === 'phoenix' && event === 'heartbeat')
}
