import type { SocketConstructor } from '../phoenix/phoenix-socket.ts'
import { StandIn } from './stand-in.ts'

/**
 * A stand-in for WebSocket where a network blocks it: frames come as server-sent events, and go as requests, one after the
 * other. To be passed as `fallback` to the embedded driver; the server needs nothing for it.
 */
export const SseSocket: SocketConstructor = class extends StandIn {
  #session: string | undefined

  /** `url`: of the WebSocket, `…/websocket?apikey=…`. */
  constructor(url: string) {
    super(url, '/events')
    void this.#listen()
  }

  protected async post(body: string, _lines: number, signal: AbortSignal): Promise<void> {
    const response = await this.request(`${this.base}/${this.#session}`, { method: 'POST', body, signal })
    await response.body?.cancel()
  }

  async #listen(): Promise<void> {
    let reason = 'The stream ended'
    let code = 1006
    try {
      const { signal } = this.ending
      const response = await this.request(this.base, { headers: { accept: 'text/event-stream' }, signal })
      if (!response.body) throw new Error('The server answered nothing')
      // Loaded with the first stream: most networks let a WebSocket through.
      const { createParser } = await import('eventsource-parser')
      const parser = createParser({
        onEvent: ({ event, data }) => {
          if (event === 'end') ({ code, reason } = JSON.parse(data) as { code: number; reason: string })
          else if (this.#session !== undefined) this.tell('message', { data })
          else {
            const { session } = JSON.parse(data) as { session?: unknown }
            if (typeof session !== 'string') throw new Error('This is no stream of frames')
            this.#session = session
            this.open()
          }
        },
      })
      // Not a TextDecoderStream, which Firefox has since 105.
      const decoder = new TextDecoder()
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        parser.feed(decoder.decode(value, { stream: true }))
      }
    } catch (error) {
      return this.fail(error)
    }
    this.end(reason, code)
  }
}
