import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { parseEnvelope } from '../envelope.ts'

/** How the server treats the next requests. */
export type SentryBehaviour =
  | 'ok'
  | 'silent'
  | 'error'
  | 'unauthorized'
  | 'garbage'
  /** An HTML page with 200, as from a captive portal or a proxy. */
  | 'html'
  | 'redirect'
  | 'reset'
  | 'rate-limited'

export interface SentryServerOptions {
  /** The public key of the DSN. Default `0123456789abcdef0123456789abcdef`. */
  readonly key?: string
  readonly port?: number
}

export interface SentryFrame {
  readonly filename?: string
  readonly function?: string
  readonly lineno?: number
  readonly colno?: number
  readonly in_app?: boolean
}

/** Any item of an envelope. */
export interface SentryItem {
  readonly type: string
  readonly payload: unknown
}

/** An event's payload as received: the parts that Sentry's documentation names. */
export interface SentryEvent {
  readonly event_id: string
  readonly timestamp: number
  readonly level?: string
  readonly platform?: string
  readonly message?: string
  readonly exception?: {
    readonly values: readonly {
      readonly type: string
      readonly value: string
      readonly stacktrace?: { readonly frames: readonly SentryFrame[] }
      readonly mechanism?: {
        readonly type?: string
        readonly handled?: boolean
        readonly exception_id?: number
        readonly parent_id?: number
        readonly source?: string
        readonly is_exception_group?: boolean
      }
    }[]
  }
  readonly tags?: Readonly<Record<string, string>>
  readonly extra?: Readonly<Record<string, unknown>>
  readonly user?: Readonly<Record<string, unknown>>
  readonly fingerprint?: readonly string[]
  readonly release?: string
  readonly environment?: string
  readonly contexts?: { readonly trace?: { readonly trace_id: string } } & Readonly<Record<string, unknown>>
  readonly breadcrumbs?: readonly { readonly category?: string; readonly message?: string; readonly data?: unknown }[]
}

export interface SentryServer {
  readonly url: string
  readonly dsn: string
  behaviour: SentryBehaviour
  /** Decides about each request before the behaviour does: a returned status refuses it, `undefined` lets it pass. */
  refuse: ((body: string) => number | undefined) | undefined
  /** The number of requests so far, whatever their outcome. */
  readonly requests: number
  /** All accepted items, including events, at most 10 000. */
  readonly items: readonly SentryItem[]
  /** The events in the order of arrival, each id once, at most 10 000. */
  readonly events: readonly SentryEvent[]
  /** Resolves with the first event, past or future, for which `matches` returns true. */
  waitFor(matches: (event: SentryEvent) => boolean): Promise<SentryEvent>
  close(): Promise<void>
}

const MAX_BYTES = 20 * 1024 * 1024

/**
 * Starts Sentry's envelope endpoint on loopback, as its SDKs use it: chunked bodies, no content type, sometimes gzip.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/envelopes/ and the SDKs' own transports.
 */
export async function startSentryServer(options: SentryServerOptions = {}): Promise<SentryServer> {
  const key = options.key ?? '0123456789abcdef0123456789abcdef'
  const events: SentryEvent[] = []
  const ids = new Set<string>()
  const waiting = new Set<(event: SentryEvent) => void>()
  const items: SentryItem[] = []
  let behaviour: SentryBehaviour = 'ok'
  let refuse: SentryServer['refuse']
  let requests = 0

  const server = createServer((request, response) => {
    handle(request, response).catch(() => answer(response, 400, { detail: 'invalid envelope' }))
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests += 1
    if (behaviour === 'silent') return
    if (behaviour === 'reset') return void request.socket.destroy()
    response.setHeader('access-control-allow-origin', '*')
    if (request.method === 'OPTIONS') {
      response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
      return answer(response, 204, undefined)
    }
    const body = await bytes(request)
    if (behaviour === 'garbage') return void response.writeHead(502).end('<html>')
    if (behaviour === 'html') return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
    if (behaviour === 'redirect') return void response.writeHead(302, { location: '/elsewhere' }).end()
    if (behaviour === 'error') return answer(response, 503, { detail: 'unavailable' })
    if (behaviour === 'rate-limited') {
      response.setHeader('x-sentry-rate-limits', '60:error:organization')
      return answer(response, 429, { detail: 'rate limited' })
    }
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (!/^\/api\/\d+\/envelope\/?$/.test(url.pathname)) return answer(response, 404, { detail: 'not found' })
    const header = /sentry_key=([^,\s]+)/.exec(String(request.headers['x-sentry-auth'] ?? ''))?.[1]
    if (behaviour === 'unauthorized' || (url.searchParams.get('sentry_key') ?? header) !== key) {
      return answer(response, 403, { detail: 'bad sentry authentication' })
    }
    const gzipped = body[0] === 0x1f && body[1] === 0x8b
    const plain = gzipped ? gunzipSync(body, { maxOutputLength: MAX_BYTES }) : body
    const refused = refuse?.(plain.toString('utf8'))
    if (refused !== undefined) return answer(response, refused, { detail: 'refused' })
    let id: string | undefined
    for (const { type, payload: bytes } of parseEnvelope(plain).items) {
      const payload: unknown = JSON.parse(new TextDecoder().decode(bytes))
      items.push({ type, payload })
      if (items.length > 10_000) items.shift()
      if (type !== 'event') continue
      const event = payload as SentryEvent
      id = event.event_id
      if (ids.has(id)) continue
      ids.add(id)
      events.push(event)
      if (events.length > 10_000) events.shift()
      for (const listener of waiting) listener(event)
    }
    return answer(response, 200, { id })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    dsn: `http://${key}@${host}/1`,
    events,
    items,
    get requests() {
      return requests
    },
    get refuse() {
      return refuse
    },
    set refuse(next) {
      refuse = next
    },
    get behaviour() {
      return behaviour
    },
    set behaviour(next) {
      behaviour = next
    },
    waitFor(matches) {
      const past = events.find(matches)
      if (past) return Promise.resolve(past)
      return new Promise((resolve) => {
        const listener = (event: SentryEvent): void => {
          if (!matches(event)) return
          waiting.delete(listener)
          resolve(event)
        }
        waiting.add(listener)
      })
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BYTES) throw new Error('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}
