import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FlagValue } from '../driver.ts'
import { decodePostHogBody, decodePostHogJson, type WireEvent } from '../posthog-wire.ts'

/** How the server treats the next requests. */
export type PostHogBehaviour = 'ok' | 'silent' | 'error' | 'unauthorized' | 'garbage' | 'reset'

export interface PostHogServerOptions {
  readonly key: string
  readonly port?: number
  /** Given to everybody. */
  readonly flags?: Readonly<Record<string, FlagValue>>
}

export interface PostHogServer {
  readonly url: string
  behaviour: PostHogBehaviour
  /** Events in the order of arrival, at most 10 000. */
  readonly events: readonly WireEvent[]
  /** Resolves with the first event, past or future, that `matches`. */
  waitFor(matches: (event: WireEvent) => boolean): Promise<WireEvent>
  close(): Promise<void>
}

/**
 * PostHog's capture, flags and configuration endpoints on loopback, as its SDKs use them.
 *
 * Source: https://posthog.com/docs/api/capture, https://posthog.com/docs/api/flags and the SDKs' own sources.
 */
export async function startPostHogServer(options: PostHogServerOptions): Promise<PostHogServer> {
  const events: WireEvent[] = []
  const waiting = new Set<(event: WireEvent) => void>()
  let behaviour: PostHogBehaviour = 'ok'

  const server = createServer((request, response) => {
    handle(request, response).catch(() =>
      send(response, 400, { type: 'validation_error', detail: 'malformed request' }),
    )
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (behaviour === 'silent') return
    if (behaviour === 'reset') return void request.socket.destroy()
    const cors = {
      'access-control-allow-origin': request.headers.origin ?? '*',
      'access-control-allow-credentials': 'true',
    }
    for (const [name, value] of Object.entries(cors)) response.setHeader(name, value)
    if (request.method === 'OPTIONS') {
      response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
      response.setHeader('access-control-allow-methods', 'GET, POST, OPTIONS')
      return send(response, 204, undefined)
    }
    if (behaviour === 'garbage') return void response.end('<html>')
    if (behaviour === 'error') return send(response, 503, { detail: 'unavailable' })
    if (behaviour === 'unauthorized')
      return send(response, 401, { type: 'authentication_error', detail: 'invalid key' })

    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const path = url.pathname.replace(/\/+$/, '')
    const body = await bytes(request)
    if (path === `/array/${options.key}/config`) return send(response, 200, config())
    if (path === `/array/${options.key}/config.js`) {
      response.setHeader('content-type', 'application/javascript')
      return void response.end('')
    }
    if (path === '/flags' || path === '/decide') {
      const query = decodePostHogJson(body, url.searchParams) as { token?: string; api_key?: string }
      if ((query.token ?? query.api_key) !== options.key) return send(response, 401, { detail: 'invalid key' })
      return send(response, 200, flags(options.flags ?? {}))
    }
    if (['/batch', '/e', '/i/v0/e', '/capture', '/s'].includes(path)) {
      const batch = decodePostHogBody(body, url.searchParams)
      if (batch.apiKey !== options.key) return send(response, 401, { detail: 'invalid key' })
      for (const event of batch.events) {
        events.push(event)
        if (events.length > 10_000) events.shift()
        for (const listener of waiting) listener(event)
      }
      return send(response, 200, { status: 'Ok' })
    }
    return send(response, 404, { detail: 'not found' })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events,
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
        const listener = (event: WireEvent): void => {
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

function flags(values: Readonly<Record<string, FlagValue>>): unknown {
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

/** Remote configuration with everything off that the SDK could load. */
function config(): unknown {
  return {
    supportedCompression: ['gzip', 'gzip-js'],
    hasFeatureFlags: true,
    sessionRecording: false,
    surveys: false,
    heatmaps: false,
    siteApps: [],
  }
}

async function bytes(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' })
  response.end(body === undefined ? undefined : JSON.stringify(body))
}
