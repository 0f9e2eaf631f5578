import type { SocketConstructor } from '../phoenix/phoenix-socket.ts'

type Listener = (event: { readonly data?: unknown; readonly reason?: unknown }) => void

/** Milliseconds for one batch of frames to be taken. */
const SEND_MS = 10_000
/** Frames that wait to be sent. */
const MAX_WAITING = 1000

/**
 * A stand-in for WebSocket where a network blocks it: frames come as server-sent events, and go as requests, one after the
 * other. To be passed as `fallback` to the embedded driver; the server needs nothing for it.
 */
export const SseSocket: SocketConstructor = class {
  readyState = 0
  readonly #listeners = new Map<string, Listener[]>()
  readonly #ending = new AbortController()
  readonly #base: URL
  readonly #headers: Readonly<Record<string, string>>
  #session: string | undefined
  #waiting: string[] = []
  #sending = false

  /** `url`: of the WebSocket, `…/websocket?apikey=…`. */
  constructor(url: string) {
    this.#base = new URL(url.replace(/^ws/, 'http').replace(/\/websocket(?=\?|$)/, '/events'))
    // Not in the address, where logs would have it.
    const key = this.#base.searchParams.get('apikey')
    this.#base.search = ''
    this.#headers = key === null ? {} : { authorization: `Bearer ${key}` }
    void this.#listen()
  }

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener])
  }

  send(data: string): void {
    if (this.#waiting.length >= MAX_WAITING) return this.#end('Too much waits to be sent')
    this.#waiting.push(data)
    void this.#flush()
  }

  close(): void {
    this.#end('Closed')
  }

  #tell(type: string, event: { readonly data?: unknown; readonly reason?: unknown }): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }

  #end(reason: string): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.#ending.abort()
    this.#tell('close', { reason })
  }

  async #listen(): Promise<void> {
    let reason = 'The stream ended'
    try {
      const response = await fetch(this.#base, {
        headers: { ...this.#headers, accept: 'text/event-stream' },
        signal: this.#ending.signal,
      })
      if (!response.ok || !response.body) throw new Error(`The server answered ${response.status}`)
      // Loaded with the first stream: most networks let a WebSocket through.
      const { createParser } = await import('eventsource-parser')
      const parser = createParser({
        onEvent: ({ event, data }) => {
          if (event === 'end') reason = (JSON.parse(data) as { reason: string }).reason
          else if (this.#session !== undefined) this.#tell('message', { data })
          else this.#open((JSON.parse(data) as { session: string }).session)
        },
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        parser.feed(value)
      }
    } catch (error) {
      if (error instanceof Error) reason = error.message
    }
    this.#end(reason)
  }

  #open(session: string): void {
    this.#session = session
    this.readyState = 1
    this.#tell('open', {})
    void this.#flush()
  }

  /** One request at a time, so that nothing overtakes. */
  async #flush(): Promise<void> {
    if (this.#sending || this.#session === undefined) return
    this.#sending = true
    try {
      while (this.#waiting.length > 0 && this.readyState === 1) {
        const body = this.#waiting.splice(0).join('\n')
        const response = await fetch(`${this.#base}/${this.#session}`, {
          method: 'POST',
          headers: this.#headers,
          body,
          signal: AbortSignal.any([this.#ending.signal, AbortSignal.timeout(SEND_MS)]),
        })
        await response.body?.cancel()
        if (!response.ok) return this.#end(`The server answered ${response.status}`)
      }
    } catch {
      this.#end('A message could not be sent')
    } finally {
      this.#sending = false
    }
  }
}
