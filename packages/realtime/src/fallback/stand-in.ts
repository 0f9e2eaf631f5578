import { pause, within } from '../base/signals.ts'
import { batchSize, refusedReply, type Refusal } from './batch.ts'

type Listener = (event: {
  readonly data?: unknown
  readonly code?: unknown
  readonly reason?: unknown
  readonly msc?: Refusal | undefined
}) => void

/** Milliseconds for one batch of frames to be taken. */
const SEND_MS = 10_000
/** Frames that wait to be sent, and their characters. */
const MAX_WAITING = 1000
const MAX_WAITING_LENGTH = 4 * 1024 * 1024

const UNAUTHORIZED = 401
const UNAVAILABLE = 503
const TOO_LARGE = 413
const TOO_MANY = 429
/** Where a server that is asked too often does not say when it takes more. */
const LATER_MS = 1000
/** The longest that frames wait for their turn. Where it is longer, the connection ends, and comes back when the server wants it. */
const PATIENCE_MS = 8000
/** The longest that one waits because a gateway is in trouble. What it says of another time, it does not know. */
const GATEWAY_MS = 2000
/** No server means more than that. */
const MAX_RETRY_AFTER_MS = 3_600_000

/** The body of a refusal: many gateways have an `error`, and only our own server has `msc` beside it. */
interface Said {
  readonly words: string | undefined
  readonly isOurs: boolean
}

/** What a request was answered, as far as the connection goes. */
export class Refused extends Error {
  readonly status: number
  /** After how many milliseconds it may be asked again, where it says so. */
  readonly retryAfterMs: number | undefined
  /** Our own server said so, and nothing in between. */
  readonly isOurs: boolean
  constructor(status: number, { words, isOurs }: Said, retryAfterMs?: number) {
    super(words ?? `The server answered ${status}`)
    this.status = status
    this.isOurs = isOurs
    this.retryAfterMs = retryAfterMs
  }
  /** As a WebSocket is closed that was refused, or that is lost. */
  get code(): number {
    return this.isOurs && (this.status === UNAUTHORIZED || this.msc) ? 1008 : 1006
  }
  /** Of a server that takes no more now. A gateway that says the same only stands in this way to it. */
  get msc(): Refusal | undefined {
    if (!this.isOurs || (this.status !== TOO_MANY && this.status !== UNAVAILABLE)) return undefined
    const code = this.status === TOO_MANY ? 'RATE_LIMITED' : 'UNAVAILABLE'
    const { retryAfterMs } = this
    return { code, ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }) }
  }
  /** It comes too fast. */
  get isTooMany(): boolean {
    return this.status === TOO_MANY
  }
  /** Milliseconds in which it is not to be asked again. */
  get waitMs(): number {
    if (this.isTooMany) return this.retryAfterMs ?? LATER_MS
    return Math.min(this.retryAfterMs ?? 0, this.isOurs ? MAX_RETRY_AFTER_MS : GATEWAY_MS)
  }
  /** The server may take it soon. */
  get isPassing(): boolean {
    return (this.isTooMany || this.status >= 500) && this.waitMs <= PATIENCE_MS
  }
}

/**
 * What stand-ins for a WebSocket share: they look like one, take the token out of the address, and send frames as requests,
 * one after the other.
 */
export abstract class StandIn {
  static readonly carriesToken = true
  readyState = 0
  protected readonly ending: AbortController = new AbortController()
  protected readonly headers: Readonly<Record<string, string>>
  protected readonly base: URL
  readonly #listeners = new Map<string, Listener[]>()
  #waiting: string[] = []
  #length = 0
  #sending = false
  /** The frames that are being sent may have been taken already. */
  protected mayBeTaken = false

  /** `url`: of the WebSocket, `…/websocket?apikey=…`; `path` takes the place of its last part. */
  constructor(url: string, path: string) {
    this.base = new URL(url.replace(/^ws/, 'http').replace(/\/websocket(?=\?|$)/, path))
    // Not in the address, where logs would have it.
    const key = this.base.searchParams.get('apikey')
    this.base.search = ''
    this.headers = !key ? {} : { authorization: `Bearer ${key}` }
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  send(data: string | Uint8Array): void {
    this.#length += data.length
    if (this.#waiting.length >= MAX_WAITING || this.#length > MAX_WAITING_LENGTH) {
      return this.end('Too much waits to be sent')
    }
    this.#waiting.push(String(data))
    void this.#flush()
  }

  close(): void {
    this.end('Closed')
  }

  /** Sends frames, one a line. @throws Refused or what `fetch` does. */
  protected abstract post(body: string, lines: number, signal: AbortSignal): Promise<void>

  protected tell(type: string, event: Parameters<Listener>[0]): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }

  protected open(): void {
    if (this.readyState !== 0) return
    this.readyState = 1
    this.tell('open', {})
    void this.#flush()
  }

  protected end(reason: string, code = 1006, msc?: Refusal): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.ending.abort()
    this.#waiting = []
    this.tell('close', { code, reason, msc })
  }

  protected fail(error: unknown): void {
    if (error instanceof Refused) this.end(error.message, error.code, error.msc)
    else this.end('The connection was lost')
  }

  /** @throws Refused for what is no success, in the server's words. */
  protected async request(url: string | URL, init: RequestInit): Promise<Response> {
    const response = await fetch(url, { ...init, headers: { ...this.headers, ...init.headers } })
    if (response.ok) return response
    const text = await response.text().catch(() => '')
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
    const retryAfterMs = seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : undefined
    throw new Refused(response.status, saidBy(text), retryAfterMs)
  }

  /** One request at a time, so that nothing overtakes. */
  async #flush(): Promise<void> {
    if (this.#sending || this.readyState !== 1) return
    this.#sending = true
    try {
      while (this.#waiting.length > 0 && this.readyState === 1) {
        const lines = this.#waiting.splice(0, batchSize(this.#waiting))
        for (const line of lines) this.#length -= line.length
        await this.#deliver(lines)
      }
    } catch (error) {
      this.fail(error)
    } finally {
      this.#sending = false
    }
  }

  /** A server that takes less at a time gets less; a frame that is too large by itself fails alone, as over a WebSocket. */
  async #deliver(lines: readonly string[]): Promise<void> {
    this.mayBeTaken = false
    try {
      await within(SEND_MS, this.ending.signal, (signal) => this.#postInTurn(lines, signal))
    } catch (error) {
      if (!(error instanceof Refused) || this.readyState !== 1) throw error
      if (error.isTooMany && !this.mayBeTaken) {
        // Whoever waits for an answer hears why; what nobody waits for, such as a leave, is over with the connection.
        const msc = { code: 'RATE_LIMITED', retry_after_ms: Math.ceil(error.waitMs) }
        this.#refuse(lines, error.message, msc)
      }
      if (error.status !== TOO_LARGE) throw error
      const half = Math.floor(lines.length / 2)
      if (half === 0) return this.#refuse(lines, error.message, { code: 'PAYLOAD_TOO_LARGE' })
      await this.#deliver(lines.slice(0, half))
      await this.#deliver(lines.slice(half))
    }
  }

  #refuse(lines: readonly string[], reason: string, msc: Refusal): void {
    for (const line of lines) {
      const data = refusedReply(line, reason, msc)
      if (data !== undefined) this.tell('message', { data })
    }
  }

  /** What comes too fast was not taken, and goes again when the server says so, if that is soon. */
  async #postInTurn(lines: readonly string[], signal: AbortSignal): Promise<void> {
    for (let leftMs = PATIENCE_MS; ;) {
      try {
        return await this.post(lines.join('\n'), lines.length, signal)
      } catch (error) {
        if (!(error instanceof Refused) || !error.isTooMany) throw error
        const waitMs = Math.max(error.waitMs, 100)
        leftMs -= waitMs
        if (leftMs < 0) throw error
        await pause(waitMs, signal)
        if (signal.aborted) throw error
      }
    }
  }
}

function saidBy(text: string): Said {
  try {
    const { error, msc } = Object(JSON.parse(text)) as { readonly error?: unknown; readonly msc?: unknown }
    const words = typeof error === 'string' && error !== '' ? error.slice(0, 300) : undefined
    return { words, isOurs: words !== undefined && typeof Object(msc).code === 'string' }
  } catch {
    return { words: undefined, isOurs: false }
  }
}
