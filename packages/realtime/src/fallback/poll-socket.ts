import { pause, within } from '../base/signals.ts'
import type { SocketConstructor } from '../phoenix/phoenix-socket.ts'
import { Refused, StandIn } from './stand-in.ts'

/** For an answer; the server gives one after 20 s at the latest. */
const ANSWER_MS = 30_000
const OPEN_MS = 5000
/** From one empty answer to the next. */
const EMPTY_MS = 1000
/** Answers in a row that may be lost, within some five seconds. The server keeps what was not acknowledged for longer. */
const MAX_LOST = 4

/** What an answer begins with: the number of its first frame, and why it is the last one. */
interface Head {
  readonly from: number
  readonly end?: { readonly code: number; readonly reason: string }
}

/**
 * The last resort, where a network lets neither WebSockets nor streams through: frames come as the answers to requests that
 * wait, and go as requests. What was in an answer that is lost comes again. To be passed as `fallback` to the embedded
 * driver; the server needs nothing for it.
 */
export const PollSocket: SocketConstructor = class extends StandIn {
  #session = ''
  /** The number of the last frame that came. */
  #last = 0
  /** The number of the next frame that goes. */
  #next = 1

  /** `url`: of the WebSocket, `…/websocket?apikey=…`. */
  constructor(url: string) {
    super(url, '/poll')
    void this.#run().catch((error: unknown) => this.fail(error))
  }

  /** Says goodbye, as nothing else would tell the server for a minute. */
  override close(): void {
    const isOpen = this.readyState === 1
    super.close()
    if (isOpen) this.#sayGoodbye()
  }

  #sayGoodbye(): void {
    void fetch(`${this.#session}?end=1`, { method: 'POST', headers: this.headers, keepalive: true }).then(
      ({ body }) => body?.cancel(),
      () => undefined,
    )
  }

  protected async post(body: string, lines: number, signal: AbortSignal): Promise<void> {
    const address = `${this.#session}?from=${this.#next}`
    await this.#insist(
      async () => {
        try {
          const response = await this.request(address, { method: 'POST', body, signal })
          await response.body?.cancel()
        } catch (error) {
          if (!(error instanceof Refused) || !error.isTooMany) this.mayBeTaken = true
          throw error
        }
      },
      signal,
      // It comes in its turn.
      ({ isTooMany, isPassing }) => isPassing && !isTooMany,
    )
    this.#next += lines
  }

  async #run(): Promise<void> {
    const { signal } = this.ending
    // Also when it is closed meanwhile: the server may have made a session, whose name is needed to end it.
    const opened = await within(OPEN_MS, new AbortController().signal, async (inner) =>
      (await this.request(this.base, { method: 'POST', signal: inner })).json(),
    )
    this.#session = `${this.base}/${encodeURIComponent(String((opened as { session?: unknown }).session))}`
    if (signal.aborted) return this.#sayGoodbye()
    this.open()
    while (this.readyState === 1) {
      const from = performance.now()
      const before = this.#last
      await this.#insist(() => this.#poll(), signal)
      // The server waits; what answers at once and with nothing, a cache for one, must not be asked without end.
      if (this.#last === before && performance.now() - from < EMPTY_MS) await pause(EMPTY_MS, signal)
    }
  }

  async #poll(): Promise<void> {
    const text = await within(ANSWER_MS, this.ending.signal, async (signal) =>
      (await this.request(`${this.#session}?ack=${this.#last}`, { signal })).text(),
    )
    const lines = text.split('\n')
    // What comes behind the last end of a line was cut, and comes again.
    const isWhole = lines.pop() === ''
    const [head = '', ...frames] = lines
    const { from, end } = JSON.parse(head) as Head
    if (!Number.isSafeInteger(from)) throw new Error('This is no answer to a poll')
    frames.forEach((data, index) => {
      const number = from + index
      if (number <= this.#last || this.readyState !== 1) return
      this.#last = number
      this.tell('message', { data })
    })
    if (end && isWhole) this.end(end.reason, end.code)
  }

  /** Does it again when it fails, as long as the server may take it soon: with a pause that grows, and not before the server wants it. */
  async #insist(
    work: () => Promise<void>,
    signal: AbortSignal,
    isPassingOf: (refused: Refused) => boolean = ({ isPassing }) => isPassing,
  ): Promise<void> {
    for (let lost = 0; ; lost++) {
      try {
        return await work()
      } catch (error) {
        const isPassing = error instanceof Refused ? isPassingOf(error) : true
        if (!isPassing || lost >= MAX_LOST) throw error
        const askedMs = error instanceof Refused ? error.waitMs : 0
        await pause(Math.max(askedMs, 200 + Math.random() * 250 * 2 ** lost), signal)
        if (signal.aborted) throw error
      }
    }
  }
}
