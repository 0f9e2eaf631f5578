import { gunzipSync } from 'node:zlib'
import {
  createRecording,
  startWireServer,
  type WireAnswer,
  type WireBehaviour,
  type WireServer,
} from '@msc/core/testing'
import { parseEnvelope } from '../envelope.ts'

/** How the server answers the following requests. */
export type SentryBehaviour =
  | WireBehaviour
  /** Answers 503. */
  | 'error'
  /** Answers 403, even for the right key. */
  | 'unauthorized'
  /** Answers 429 with a limit of one minute on errors. */
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

/** The payload of an event as received, with the parts that Sentry documents. */
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

export interface SentryServer extends WireServer<SentryBehaviour> {
  readonly dsn: string
  /** Decides about each request before it is accepted: a returned status refuses it, `undefined` lets it pass. */
  refuse: ((body: string) => number | undefined) | undefined
  /** All accepted items, including events, at most 10 000. */
  readonly items: readonly SentryItem[]
  /** The events in the order of arrival, each id once, at most 10 000. */
  readonly events: readonly SentryEvent[]
  /**
   * Resolves with the first event, past or future, for which `matches` returns true.
   *
   * @param timeoutMs Milliseconds to wait. Default 30 000.
   * @throws Error when none has arrived by then.
   */
  waitFor(matches: (event: SentryEvent) => boolean, timeoutMs?: number): Promise<SentryEvent>
}

const MAX_BYTES = 20 * 1024 * 1024

/**
 * Starts Sentry's envelope endpoint on loopback, as its SDKs use it: chunked bodies, no content type, sometimes gzip.
 *
 * Source: https://develop.sentry.dev/sdk/data-model/envelopes/ and the SDKs' own transports.
 */
export async function startSentryServer(options: SentryServerOptions = {}): Promise<SentryServer> {
  const key = options.key ?? '0123456789abcdef0123456789abcdef'
  const events = createRecording<SentryEvent>('events')
  const items = createRecording<SentryItem>('items')
  const ids = new Set<string>()

  /** @returns The id of the last event, which the answer names. */
  const take = (envelope: Buffer): string | undefined => {
    let id: string | undefined
    for (const { type, payload: bytes } of parseEnvelope(envelope).items) {
      const payload: unknown = JSON.parse(new TextDecoder().decode(bytes))
      items.add({ type, payload })
      if (type !== 'event') continue
      const event = payload as SentryEvent
      id = event.event_id
      if (ids.has(id)) continue
      ids.add(id)
      events.add(event)
    }
    return id
  }

  const wire = await startWireServer<SentryBehaviour>({
    port: options.port,
    maxBytes: MAX_BYTES,
    cors: 'plain',
    refusal: (status) => ({ detail: status === 400 ? 'invalid envelope' : 'refused' }),
    behaviours: {
      error: answer(503, { detail: 'unavailable' }),
      // A proxy answers so when it can't reach its server.
      garbage: { status: 502, text: '<html>' },
      unauthorized: UNAUTHORIZED,
      'rate-limited': {
        ...answer(429, { detail: 'rate limited' }),
        headers: { 'x-sentry-rate-limits': '60:error:organization' },
      },
    },
    answer({ url, headers, body }) {
      if (!/^\/api\/\d+\/envelope\/?$/.test(url.pathname)) return answer(404, { detail: 'not found' })
      const header = /sentry_key=([^,\s]+)/.exec(String(headers['x-sentry-auth'] ?? ''))?.[1]
      if ((url.searchParams.get('sentry_key') ?? header) !== key) return UNAUTHORIZED
      const isGzip = body[0] === 0x1f && body[1] === 0x8b
      const plain = isGzip ? gunzipSync(body, { maxOutputLength: MAX_BYTES }) : body
      const refused = server.refuse?.(plain.toString('utf8'))
      return refused === undefined ? answer(200, { id: take(plain) }) : answer(refused, { detail: 'refused' })
    },
  })
  const server: SentryServer = Object.assign(wire, {
    dsn: `http://${key}@127.0.0.1:${wire.port}/1`,
    refuse: undefined,
    items: items.list,
    events: events.list,
    waitFor: events.waitFor,
  })
  return server
}

const UNAUTHORIZED: WireAnswer = answer(403, { detail: 'bad sentry authentication' })

function answer(status: number, json: unknown): WireAnswer {
  return { status, json }
}
