import { every, type CancelTimer } from '@msc/core'
import { Place, type Admission } from '../admission/admission.ts'
import type { Client, Clients } from '../entrance/clients.ts'
import type { Transport } from '../entrance/connection.ts'
import type { Runtime } from '../runtime.ts'
import { fail, sessionEnded, tooMany } from './answers.ts'
import { toText } from './bytes.ts'
import { receiveFrames } from './frames-up.ts'
import type { Call, OpenCall } from './handle-http.ts'

export interface PollsContext {
  readonly maxBytes: number
  readonly clients: Clients
  readonly admission: Admission
  readonly runtime: Runtime
  /** A secret name of a session. */
  newSession(): string
  /** What is answered while there is no room for another connection, or the server ends. */
  full(): Response | undefined
}

export interface Polls {
  open(call: Call): Promise<Response>
  poll(call: OpenCall): Promise<Response>
  receive(call: OpenCall): Promise<Response>
  close(): void
}

/** A poll is answered after so long, with nothing: what is in between ends a request that is silent. */
const WAIT_MS = 20_000
/** From the first message to the answer, for those that come with it, and at least from one answer to the next. */
const GATHER_MS = 20
const APART_MS = 250
/** A session of which nobody asks. */
const IDLE_MS = 60_000
const CHECK_MS = 5000
/** Sessions that have ended, and bytes of theirs, that are kept for who may not have got the last answer. */
const MAX_ENDED = 1000
const MAX_ENDED_BYTES = 64 * 1024 * 1024

/**
 * The last resort, for networks that let neither WebSockets nor streams through. `POST {path}/poll` opens a session;
 * `GET {path}/poll/{session}?ack=n` waits for messages and answers them one a line, below a line with the number of the
 * first. What was not acknowledged is answered again, so an answer that is lost costs nothing and repeats nothing; the last one
 * too, for a minute.
 * `POST {path}/poll/{session}?from=n` brings the client's own, of which `n` is the number of the first; with `?end=1` it
 * says goodbye.
 */
export function createPolls(context: PollsContext): Polls {
  const { clients, admission, runtime } = context
  const { clock } = runtime
  const sessions = new Map<string, PollSession>()
  const ended = new Set<string>()

  const forget = (id: string): void => {
    sessions.delete(id)
    ended.delete(id)
  }
  const isIdle = ({ isWaiting, lastSeen }: PollSession): boolean =>
    !isWaiting && lastSeen <= clock.monotonic() - IDLE_MS
  const checkIdle = (): void => {
    for (const [id, session] of sessions) {
      if (!isIdle(session)) continue
      session.transport.terminate()
      forget(id)
    }
  }
  const stopChecking: CancelTimer = every(CHECK_MS, checkIdle, {
    clock,
    onError: (error) => runtime.report(error, 'end idle polls'),
  })
  /** Kept for a minute, as its client's last answer may be lost on the way; the oldest go where there are too many. */
  const onEnded = (id: string): void => {
    ended.add(id)
    let bytes = 0
    for (const each of ended) bytes += sessions.get(each)?.bytes ?? 0
    for (const oldest of ended) {
      if (ended.size <= MAX_ENDED && bytes <= MAX_ENDED_BYTES) return
      bytes -= sessions.get(oldest)?.bytes ?? 0
      forget(oldest)
    }
  }

  return {
    async open(call) {
      const full = context.full()
      if (full) return full
      if (call.isEnded()) return sessionEnded()
      const place = admission.enter(call.who, 'eventStreams')
      if (!(place instanceof Place)) return tooMany(place)
      const id = context.newSession()
      const session = new PollSession(runtime, () => onEnded(id))
      session.client = clients.add(session.transport, call.claims, place)
      sessions.set(id, session)
      return Response.json({ session: id })
    },
    async poll(call) {
      const id = call.params['stream'] ?? ''
      const session = sessions.get(id)
      if (!session || (!session.isOpen && isIdle(session))) return fail(410, 'The session has ended')
      const account = session.client?.connection.place.account
      const over = admission.take({ account }, { requestsPerMinute: 1 })
      if (over) return tooMany(over)
      const ack = Number(call.url.searchParams.get('ack') ?? 0)
      if (!Number.isSafeInteger(ack) || ack < 0) return fail(422, '`ack` is the number of the last message that came')
      session.client?.alive()
      const text = await session.take(ack, call.maxAnswerBytes)
      return new Response(text, { headers: { 'content-type': 'text/plain; charset=utf-8' } })
    },
    async receive(call) {
      const id = call.params['stream'] ?? ''
      const session = sessions.get(id)
      if (session && call.url.searchParams.has('end')) {
        session.transport.terminate()
        forget(id)
        return new Response(null, { status: 202 })
      }
      const from = Number(call.url.searchParams.get('from') ?? Number.NaN)
      const client = session?.isOpen ? session.client : undefined
      return receiveFrames(client, call, context, (lines) => session?.skip(from, lines) ?? 0)
    },
    close() {
      stopChecking()
      // Each has been told. What it was told last is there for as long as nobody has asked for a minute, without a timer.
      for (const session of sessions.values()) session.transport.terminate()
    },
  }
}

/** The messages of one client that it has not acknowledged, and its poll while one waits. */
class PollSession {
  client: Client | undefined
  lastSeen: number
  isOpen = true
  readonly transport: Transport
  readonly #runtime: Runtime
  readonly #onEnded: () => void
  #frames: string[] = []
  #bytes = 0
  /** The number of the first that is kept. */
  #from = 1
  /** The number of the next frame of the client's own. */
  #next = 1
  #end: { readonly code: number; readonly reason: string } | undefined
  #answer: (() => void) | undefined
  #cancel: CancelTimer = () => {}

  constructor(runtime: Runtime, onEnded: () => void) {
    this.#runtime = runtime
    this.#onEnded = onEnded
    this.lastSeen = runtime.clock.monotonic()
    this.transport = {
      name: 'polling',
      format: '2.0.0',
      patience: 3,
      isOpen: () => this.isOpen,
      send: (data) => this.#add(typeof data === 'string' ? data : toText(data)),
      buffered: () => this.#bytes,
      ping() {},
      close: (code, reason) => this.#close(code, reason),
      terminate: () => {
        // A slow one: what waits for it would be kept for nothing.
        if (this.isOpen) this.#drop(this.#frames.length)
        this.#close(1006, 'Too slow, or gone')
      },
    }
  }

  /** Of what is kept for its client. */
  get bytes(): number {
    return this.#bytes
  }

  get isWaiting(): boolean {
    return this.#answer !== undefined
  }

  /** Drops what was acknowledged, and resolves with the rest as soon as there is some, or when the time is up. */
  async take(ack: number, maxBytes = Number.POSITIVE_INFINITY): Promise<string> {
    const { clock } = this.#runtime
    // Another poll of the same session: what the one before waits for is answered to this one.
    this.#answer?.()
    if (ack >= this.#from) this.#drop(Math.min(ack - this.#from + 1, this.#frames.length))
    if (this.isOpen) {
      await new Promise<void>((resolve) => {
        this.#answer = () => {
          this.#answer = undefined
          this.#cancel()
          resolve()
        }
        this.#answerIn(this.#frames.length > 0 ? this.#dueMs() : WAIT_MS)
      })
    }
    // The minute of one that has ended goes by, however often its client asks.
    if (this.isOpen) this.lastSeen = clock.monotonic()
    const frames = this.#first(maxBytes)
    const isAll = frames.length === this.#frames.length
    const head = JSON.stringify({ from: this.#from, ...(this.#end && isAll && { end: this.#end }) })
    // Each line has its end: by that a client knows the last one of an answer that was cut.
    return `${[head, ...frames].join('\n')}\n`
  }

  /** As many as fit, and one at least. */
  #first(maxBytes: number): readonly string[] {
    if (this.#bytes <= maxBytes) return this.#frames
    let bytes = 0
    const end = this.#frames.findIndex((frame) => (bytes += Buffer.byteLength(frame)) > maxBytes)
    return this.#frames.slice(0, Math.max(1, end))
  }

  /** How many of `lines` that begin with the number `from` were taken before; without a number none was. */
  skip(from: number, lines: number): number {
    if (!Number.isSafeInteger(from) || from < 1) return 0
    const known = Math.min(lines, Math.max(0, this.#next - from))
    this.#next = Math.max(this.#next, from + lines)
    return known
  }

  #add(frame: string): void {
    this.#frames.push(frame)
    this.#bytes += Buffer.byteLength(frame)
    if (this.#answer && this.#frames.length === 1) this.#answerIn(this.#dueMs())
  }

  /** In a busy room an answer would otherwise follow the other, and use up the requests of its account. */
  #dueMs(): number {
    return Math.max(GATHER_MS, this.lastSeen + APART_MS - this.#runtime.clock.monotonic())
  }

  #answerIn(ms: number): void {
    this.#cancel()
    this.#cancel = this.#runtime.clock.setTimeout(() => this.#answer?.(), ms)
  }

  #drop(count: number): void {
    for (const frame of this.#frames.splice(0, count)) this.#bytes -= Buffer.byteLength(frame)
    this.#from += count
  }

  #close(code: number, reason: string): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.#end = { code, reason }
    this.lastSeen = this.#runtime.clock.monotonic()
    this.#answer?.()
    this.client?.gone()
    this.#onEnded()
  }
}
