import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { readBody } from '../http/body/read-body.ts'
import { listen } from './listen.ts'
import { createRecording, type Recording } from './recording.ts'

/**
 * How a server answers the following requests, whatever its protocol:
 *
 * - `ok`: follows the protocol;
 * - `silent`: accepts the request and never answers;
 * - `reset`: resets the connection without an answer;
 * - `html`: answers 200 with an HTML page, as a captive portal or a proxy does;
 * - `garbage`: answers 200 with the beginning of an HTML page and without a content type;
 * - `redirect`: answers 308 with another path;
 * - `cut-short`: sends fewer bytes than it declared, and closes the connection;
 * - a number: answers with that status and the body that the protocol gives a refusal.
 */
export type WireBehaviour = 'ok' | 'silent' | 'reset' | 'html' | 'garbage' | 'redirect' | 'cut-short' | number

export interface WireRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface WireAnswer {
  /** The HTTP status. Default 200. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** A value to send as JSON. Default: no body. */
  readonly json?: unknown
  /** A text to send as it is, instead of `json`. */
  readonly text?: string
  /** Called after the answer has been written to the socket. */
  readonly sent?: () => void
}

/** The protocol of one server, with the behaviours that only it has. */
export interface WireProtocol<Behaviour extends string | number> {
  /** The port to listen on. Default: a free one. */
  readonly port?: number | undefined
  /** The largest body in bytes; a larger one is answered with 413. Default 20 MiB. */
  readonly maxBytes?: number
  /** Allows pages of all origins to call, and answers their preflights. `credentials` allows cookies too. */
  readonly cors?: 'plain' | 'credentials'
  /** Fixed answers by behaviour, which replace the protocol. `answer` handles a behaviour that has none. */
  readonly behaviours?: { readonly [Name in Behaviour]?: WireAnswer }
  /** Returns the JSON body of a refusal with this status. Default: `{ error }`. */
  readonly refusal?: (status: number) => unknown
  /** Answers a request as the protocol does. If it throws, the answer is 400. */
  answer(request: WireRequest, behaviour: Behaviour): WireAnswer | Promise<WireAnswer>
  /** Runs on `close`, before the connections end. */
  readonly closing?: () => unknown
}

export interface WireServer<Behaviour extends string | number = WireBehaviour> {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  behaviour: Behaviour
  /** The number of requests so far, including preflights and requests without an answer. */
  readonly requests: number
  /** The requests whose body arrived completely; the newest 1 000. */
  readonly received: Recording<WireRequest>
  close(): Promise<void>
}

const MAX_BYTES = 20 * 1024 * 1024

/**
 * Starts a vendor's HTTP API on 127.0.0.1 that can also fail as networks do. The caller writes only the protocol. Node only.
 *
 * @throws The error of `server.listen`, such as `EADDRINUSE`.
 */
export async function startWireServer<Behaviour extends string | number = WireBehaviour>(
  protocol: WireProtocol<Behaviour | WireBehaviour>,
): Promise<WireServer<Behaviour | WireBehaviour>> {
  const { maxBytes = MAX_BYTES, refusal = (status) => ({ error: `status ${status}` }) } = protocol
  const refuse = (status: number): WireAnswer => ({ status, json: refusal(status) })

  const http = createServer((request, response) => {
    respond(request, response).catch(() => response.destroy())
  })
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    state.requests += 1
    const { behaviour } = state
    if (behaviour === 'silent') return
    if (behaviour === 'reset') return void request.socket.destroy()
    if (protocol.cors && isPreflight(protocol.cors, request, response)) return
    const body = await readBody(request, { maxBytes })
    if (body.refused === 'too-large') response.setHeader('connection', 'close')
    if (body.refused !== undefined) return send(response, refuse(body.refused === 'too-large' ? 413 : 400))
    const read: WireRequest = {
      method: request.method ?? 'GET',
      url: new URL(request.url ?? '/', state.url),
      headers: request.headers,
      body: Buffer.from(body.bytes.buffer, body.bytes.byteOffset, body.bytes.byteLength),
    }
    state.received.add(read)
    if (behaviour === 'cut-short') return cutShort(response)
    const own = protocol.behaviours?.[behaviour] ?? FAULTS[behaviour]
    if (own) return send(response, own)
    if (typeof behaviour === 'number') return send(response, refuse(behaviour))
    send(response, await answerTo(read, behaviour))
  }
  const answerTo = async (request: WireRequest, behaviour: Behaviour | WireBehaviour): Promise<WireAnswer> => {
    try {
      return await protocol.answer(request, behaviour)
    } catch {
      return refuse(400)
    }
  }

  const { port, close } = await listen(http, protocol.port)
  const state = {
    url: `http://127.0.0.1:${port}`,
    port,
    behaviour: 'ok' as Behaviour | WireBehaviour,
    requests: 0,
    received: createRecording<WireRequest>('requests', 1000),
    async close() {
      await protocol.closing?.()
      await close()
    },
  }
  return state
}

const FAULTS: Readonly<Record<string | number, WireAnswer>> = {
  html: { headers: { 'content-type': 'text/html' }, text: '<!doctype html><p>Sign in' },
  garbage: { text: '<html>' },
  redirect: { status: 308, headers: { location: '/elsewhere' } },
}

function isPreflight(cors: 'plain' | 'credentials', request: IncomingMessage, response: ServerResponse): boolean {
  const isPlain = cors === 'plain'
  response.setHeader('access-control-allow-origin', isPlain ? '*' : (request.headers.origin ?? '*'))
  if (!isPlain) response.setHeader('access-control-allow-credentials', 'true')
  if (request.method !== 'OPTIONS') return false
  response.setHeader('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
  response.setHeader('access-control-allow-methods', 'GET, POST, OPTIONS')
  response.writeHead(204).end()
  return true
}

function send(response: ServerResponse, { status = 200, headers, json, text, sent }: WireAnswer): void {
  const isJson = text === undefined && json !== undefined
  response.writeHead(status, { ...(isJson && { 'content-type': 'application/json' }), ...headers })
  response.end(isJson ? JSON.stringify(json) : text)
  sent?.()
}

function cutShort(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
  response.write('{"', () => response.destroy())
}
