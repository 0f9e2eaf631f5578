import {
  createRecording,
  startWireServer,
  type Recording,
  type WireAnswer,
  type WireBehaviour,
  type WireRequest,
  type WireServer,
} from '@msc/core/testing'
import type { FlagValue } from '../analytics.ts'
import { decodePostHogBody, decodePostHogJson, type WireEvent } from '../posthog-wire.ts'

/** How the server answers the following requests. */
export type PostHogBehaviour =
  | WireBehaviour
  /** Answers 503. */
  | 'error'
  /** Answers 401, even for the right key. */
  | 'unauthorized'
  /** Answers 429 with a `Retry-After` of one second. */
  | 'rate-limited'
  /** Answers 200 and reports that the quota of every resource is used up. */
  | 'quota'

export interface PostHogServerOptions {
  readonly key: string
  readonly port?: number
  /** The flags of every person. */
  readonly flags?: Readonly<Record<string, FlagValue>>
  /** Whether session replay is on in the project's settings. Default false. */
  readonly recording?: boolean
}

/** A request as it arrived. */
export interface PostHogRequest {
  /** The path without a trailing slash, for example `/batch` or `/flags`. */
  readonly path: string
  /** The decompressed JSON. */
  readonly body: string
}

export interface PostHogServer extends WireServer<PostHogBehaviour> {
  /** Decides about one request before it is processed: a status refuses it, `undefined` lets it pass. */
  refuse: ((request: PostHogRequest) => number | undefined) | undefined
  /** The bodies of flag evaluations, at most 10 000. A health check is not one, because it disables flags. */
  readonly evaluations: readonly Readonly<Record<string, unknown>>[]
  /** Events in the order of arrival, each id once, at most 10 000. */
  readonly events: readonly WireEvent[]
  /**
   * Resolves with the first event, past or future, that `matches` accepts.
   *
   * @param timeoutMs Milliseconds to wait. Default 30 000.
   * @throws Error when no such event has arrived by then.
   */
  waitFor(matches: (event: WireEvent) => boolean, timeoutMs?: number): Promise<WireEvent>
}

interface State {
  readonly options: PostHogServerOptions
  readonly events: Recording<WireEvent>
  readonly evaluations: Recording<Record<string, unknown>>
  readonly ids: Set<string>
}

/**
 * Starts PostHog's capture, flags and configuration endpoints on loopback, as its SDKs use them.
 *
 * Source: https://posthog.com/docs/api/capture, https://posthog.com/docs/api/flags and the SDKs' own sources.
 */
export async function startPostHogServer(options: PostHogServerOptions): Promise<PostHogServer> {
  const events = createRecording<WireEvent>('events')
  const evaluations = createRecording<Record<string, unknown>>('evaluations')
  const state: State = { options, events, evaluations, ids: new Set() }
  const wire = await startWireServer<PostHogBehaviour>({
    port: options.port,
    cors: 'credentials',
    refusal: (status) =>
      status === 400 ? { type: 'validation_error', detail: 'malformed request' } : { detail: 'refused' },
    behaviours: {
      error: answer(503, { detail: 'unavailable' }),
      unauthorized: answer(401, { type: 'authentication_error', detail: 'invalid key' }),
      'rate-limited': { ...answer(429, { detail: 'rate limited' }), headers: { 'retry-after': '1' } },
    },
    answer(request, behaviour) {
      const { body, url, method } = request
      const path = url.pathname.replace(/\/+$/, '')
      if (method === 'POST') {
        const refused = server.refuse?.({ path, body: JSON.stringify(decodePostHogJson(body, url.searchParams)) })
        if (refused !== undefined) return answer(refused, { detail: 'refused' })
      }
      return answerTo(state, path, request, behaviour === 'quota')
    },
  })
  const server: PostHogServer = Object.assign(wire, {
    refuse: undefined,
    evaluations: evaluations.list,
    events: events.list,
    waitFor: events.waitFor,
  })
  return server
}

function answer(status: number, json: unknown): WireAnswer {
  return { status, json }
}

const INVALID_KEY = answer(401, { detail: 'invalid key' })

/** @param overQuota Whether the quota of every resource is used up. */
function answerTo(state: State, path: string, request: WireRequest, overQuota: boolean): WireAnswer {
  const { key, recording } = state.options
  if (path === `/array/${key}/config`) return answer(200, config(recording === true))
  if (path === `/array/${key}/config.js`) return { headers: { 'content-type': 'application/javascript' }, text: '' }
  if (path === '/flags' || path === '/decide') return evaluate(state, request, overQuota)
  if (!['/batch', '/e', '/i/v0/e', '/capture', '/s'].includes(path)) return answer(404, { detail: 'not found' })
  const batch = decodePostHogBody(request.body, request.url.searchParams)
  if (batch.apiKey !== key) return INVALID_KEY
  // PostHog's capture service refuses an empty batch with this answer.
  if (batch.events.length === 0) return answer(400, { detail: 'request holds no event' })
  if (overQuota) return answer(200, { status: 1, quota_limited: ['events'] })
  for (const event of batch.events) keep(state, event)
  return answer(200, { status: 1 })
}

function keep({ events, ids }: State, event: WireEvent): void {
  // PostHog merges events with the same id when it stores them.
  if (event.uuid !== undefined) {
    if (ids.has(event.uuid)) return
    ids.add(event.uuid)
  }
  events.add(event)
}

function evaluate({ options, evaluations }: State, { body, url }: WireRequest, overQuota: boolean): WireAnswer {
  const query = decodePostHogJson(body, url.searchParams) as Record<string, unknown>
  if ((query['token'] ?? query['api_key']) !== options.key) return INVALID_KEY
  if (query['disable_flags'] === true) return answer(200, flagsAnswer({}))
  evaluations.add(query)
  if (overQuota) return answer(200, { ...flagsAnswer({}), quotaLimited: ['feature_flags'] })
  const wanted = query['flag_keys_to_evaluate']
  const known = Object.entries(options.flags ?? {})
  const asked = Array.isArray(wanted) ? known.filter(([key]) => wanted.includes(key)) : known
  return answer(200, flagsAnswer(Object.fromEntries(asked)))
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

/** Returns the remote configuration, in which everything that the SDK could load is off, except recordings on request. */
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
