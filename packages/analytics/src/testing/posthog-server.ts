import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FlagValue } from '../analytics.ts'
import { decodePostHogBody, decodePostHogJson, type WireEvent } from '../posthog-wire.ts'

/** How the server treats the following requests. */
export type PostHogBehaviour =
  | 'ok'
  | 'silent'
  | 'error'
  | 'unauthorized'
  | 'garbage'
  /** 200 with an HTML page, like a captive portal or a proxy's own page. */
  | 'html'
  | 'redirect'
  | 'reset'
  /** 429 with a `Retry-After` of one second. */
  | 'rate-limited'
  /** 200, with the quota of every resource used up. */
  | 'quota'

export interface PostHogServerOptions {
  readonly key: string
  readonly port?: number
  /** The flags that everybody gets. */
  readonly flags?: Readonly<Record<string, FlagValue>>
  /** Whether session replay is on in the project's settings. Default false. */
  readonly recording?: boolean
}

/** A request as it arrived. */
export interface PostHogRequest {
  /** Without a trailing slash: `/batch`, `/flags`. */
  readonly path: string
  /** Decompressed JSON. */
  readonly body: string
}

export interface PostHogServer {
  readonly url: string
  behaviour: PostHogBehaviour
  /** Decides about one request before it is processed: a status refuses it, `undefined` lets it pass. */
  refuse: ((request: PostHogRequest) => number | undefined) | undefined
  /** How many requests arrived so far, whatever their outcome. */
  readonly requests: number
  /** Bodies of flag evaluations, at most 10 000; a health check evaluates nothing. */
  readonly evaluations: readonly Readonly<Record<string, unknown>>[]
  /** Events in the order of arrival, each id once, at most 10 000. */
  readonly events: readonly WireEvent[]
  /** Resolves with the first event, past or future, that `matches` accepts. */
  waitFor(matches: (event: WireEvent) => boolean): Promise<WireEvent>
  close(): Promise<void>
}

interface State {
  readonly options: PostHogServerOptions
  readonly events: WireEvent[]
  readonly ids: Set<string>
  readonly evaluations: Record<string, unknown>[]
  readonly waiting: Set<(event: WireEvent) => void>
  behaviour: PostHogBehaviour
  refuse: PostHogServer['refuse']
  requests: number
}

const MAX_KEPT = 10_000

/**
 * PostHog's capture, flags and configuration endpoints on loopback, as its SDKs use them.
 *
 * Source: https://posthog.com/docs/api/capture, https://posthog.com/docs/api/flags and the SDKs' own sources.
 */
export async function startPostHogServer(options: PostHogServerOptions): Promise<PostHogServer> {
  const state: State = {
    options,
    events: [],
    ids: new Set(),
    evaluations: [],
    waiting: new Set(),
    behaviour: 'ok',
    refuse: undefined,
    requests: 0,
  }
  const server = createServer((request, response) => {
    handle(state, request, response).catch(() =>
      send(response, 400, { type: 'validation_error', detail: 'malformed request' }),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events: state.events,
    evaluations: state.evaluations,
    get requests() {
      return state.requests
    },
    get behaviour() {
      return state.behaviour
    },
    set behaviour(next) {
      state.behaviour = next
    },
    get refuse() {
      return state.refuse
    },
    set refuse(next) {
      state.refuse = next
    },
    waitFor: (matches) => waitFor(state, matches),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function handle(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  state.requests += 1
  const { behaviour } = state
  if (behaviour === 'silent') return
  if (behaviour === 'reset') return void request.socket.destroy()
  response.setHeader('access-control-allow-origin', request.headers.origin ?? '*')
  response.setHeader('access-control-allow-credentials', 'true')
  if (request.method === 'OPTIONS') {
    response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
    response.setHeader('access-control-allow-methods', 'GET, POST, OPTIONS')
    return send(response, 204, undefined)
  }
  const body = await bytes(request)
  if (misbehave(behaviour, response)) return
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  const path = url.pathname.replace(/\/+$/, '')
  if (request.method === 'POST') {
    const refused = state.refuse?.({ path, body: JSON.stringify(decodePostHogJson(body, url.searchParams)) })
    if (refused !== undefined) return send(response, refused, { detail: 'refused' })
  }
  answer(state, path, body, url.searchParams, response)
}

/** Returns true when the configured behaviour has answered the request. */
function misbehave(behaviour: PostHogBehaviour, response: ServerResponse): boolean {
  if (behaviour === 'ok' || behaviour === 'quota') return false
  if (behaviour === 'garbage') response.end('<html>')
  else if (behaviour === 'html')
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Sign in')
  else if (behaviour === 'redirect') response.writeHead(308, { location: '/elsewhere/' }).end()
  else if (behaviour === 'error') send(response, 503, { detail: 'unavailable' })
  else if (behaviour === 'rate-limited') {
    response.setHeader('retry-after', '1')
    send(response, 429, { detail: 'rate limited' })
  } else send(response, 401, { type: 'authentication_error', detail: 'invalid key' })
  return true
}

function answer(state: State, path: string, body: Buffer, search: URLSearchParams, response: ServerResponse): void {
  const { key } = state.options
  if (path === `/array/${key}/config`) return send(response, 200, config(state.options.recording === true))
  if (path === `/array/${key}/config.js`) {
    response.setHeader('content-type', 'application/javascript')
    return void response.end('')
  }
  if (path === '/flags' || path === '/decide') return answerFlags(state, body, search, response)
  if (!['/batch', '/e', '/i/v0/e', '/capture', '/s'].includes(path)) return send(response, 404, { detail: 'not found' })
  const batch = decodePostHogBody(body, search)
  if (batch.apiKey !== key) return send(response, 401, { detail: 'invalid key' })
  // PostHog's capture service answers like this.
  if (batch.events.length === 0) return send(response, 400, { detail: 'request holds no event' })
  if (state.behaviour === 'quota') return send(response, 200, { status: 1, quota_limited: ['events'] })
  for (const event of batch.events) keep(state, event)
  return send(response, 200, { status: 1 })
}

function keep({ events, ids, waiting }: State, event: WireEvent): void {
  // PostHog merges events with the same id when it stores them.
  if (event.uuid !== undefined) {
    if (ids.has(event.uuid)) return
    ids.add(event.uuid)
  }
  events.push(event)
  if (events.length > MAX_KEPT) events.shift()
  for (const listener of waiting) listener(event)
}

function answerFlags(state: State, body: Buffer, search: URLSearchParams, response: ServerResponse): void {
  const query = decodePostHogJson(body, search) as Record<string, unknown>
  if ((query['token'] ?? query['api_key']) !== state.options.key) return send(response, 401, { detail: 'invalid key' })
  if (query['disable_flags'] === true) return send(response, 200, flagsAnswer({}))
  state.evaluations.push(query)
  if (state.evaluations.length > MAX_KEPT) state.evaluations.shift()
  if (state.behaviour === 'quota') return send(response, 200, { ...flagsAnswer({}), quotaLimited: ['feature_flags'] })
  const wanted = query['flag_keys_to_evaluate']
  const known = Object.entries(state.options.flags ?? {})
  const asked = Array.isArray(wanted) ? known.filter(([key]) => wanted.includes(key)) : known
  return send(response, 200, flagsAnswer(Object.fromEntries(asked)))
}

function flagsAnswer(values: Readonly<Record<string, FlagValue>>): object {
  const entries = Object.entries(values).map(([key, value], index) => [
    key,
    {
      key,
      enabled: value !== false,
      variant: typeof value === 'string' ? value : null,
      reason: { code: 'condition_match', condition_index: 0, description: 'Matched' },
      metadata: { id: index + 1, version: 1, payload: null },
    },
  ])
  return {
    flags: Object.fromEntries(entries),
    errorsWhileComputingFlags: false,
    requestId: crypto.randomUUID(),
    evaluatedAt: Date.now(),
  }
}

/** The remote configuration, with everything off that the SDK could load, except recordings. */
function config(recording: boolean): unknown {
  return {
    supportedCompression: ['gzip', 'gzip-js'],
    hasFeatureFlags: true,
    sessionRecording: recording && { endpoint: '/s/' },
    surveys: false,
    heatmaps: false,
    siteApps: [],
  }
}

function waitFor({ events, waiting }: State, matches: (event: WireEvent) => boolean): Promise<WireEvent> {
  const past = events.find(matches)
  if (past) return Promise.resolve(past)
  return new Promise((resolve) => {
    const listener = (event: WireEvent): void => {
      if (!matches(event)) return
      waiting.delete(listener)
      resolve(event)
    }
    waiting.add(listener)
  })
}

async function bytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}
