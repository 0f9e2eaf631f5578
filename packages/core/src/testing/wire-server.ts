import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { readBody } from '../http/body/read-body.ts'
import { listen } from './listen.ts'
import { createRecording, type Recording } from './recording.ts'

/**
 * How a server treats the next requests, whatever its protocol:
 *
 * - `ok`: as the protocol says;
 * - `silent`: accepts the request and never answers;
 * - `reset`: cuts the connection;
 * - `html`: a page of HTML with 200, as a portal of the network or a proxy sends it;
 * - `garbage`: the beginning of a page with 200, of no type;
 * - `redirect`: 308 to another path;
 * - `cut-short`: declares more bytes than it sends, and cuts the connection;
 * - a number: that status, in the protocol's own words.
 */
export type WireBehaviour = 'ok' | 'silent' | 'reset' | 'html' | 'garbage' | 'redirect' | 'cut-short' | number

export interface WireRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface WireAnswer {
  /** Default 200. */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. Default: no body. */
  readonly json?: unknown
  /** Sent as it is, in place of JSON. */
  readonly text?: string
  /** Called once the answer has been handed to the socket. */
  readonly sent?: () => void
}

/** What one server adds: its protocol, and behaviours of its own. */
export interface WireProtocol<Behaviour extends string | number> {
  /** Default: a free one. */
  readonly port?: number | undefined
  /** Bytes of a body; 413 for more. Default 20 MiB. */
  readonly maxBytes?: number
  /** Lets pages of every origin call, and answers their preflights. `credentials`: cookies too. */
  readonly cors?: 'plain' | 'credentials'
  /** What is answered in a behaviour, in place of the protocol. What is listed nowhere is for `answer` to look at. */
  readonly behaviours?: { readonly [Name in Behaviour]?: WireAnswer }
  /** What a refusal with this status says. Default: `{ error }`. */
  readonly refusal?: (status: number) => unknown
  /** The protocol. What it throws is answered with 400. */
  answer(request: WireRequest, behaviour: Behaviour): WireAnswer | Promise<WireAnswer>
  /** Runs before the connections end. */
  readonly closing?: () => unknown
}

export interface WireServer<Behaviour extends string | number = WireBehaviour> {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  behaviour: Behaviour
  /** Requests so far, preflights too, whatever became of them. */
  readonly requests: number
  /** The requests whose body arrived, at most 1 000. */
  readonly received: Recording<WireRequest>
  close(): Promise<void>
}

const MAX_BYTES = 20 * 1024 * 1024

/** A vendor's HTTP API on 127.0.0.1, which can do what networks do. Only its protocol is to be written. Node only. */
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
