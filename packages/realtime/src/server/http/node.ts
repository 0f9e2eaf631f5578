import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { BODY_TIMEOUT_MS, bodyProblem, readBody } from '@msc/core/http-request'

import { PROTECTED } from './answers.ts'

/** How one request of Node's server is answered. */
export interface Answering {
  /** `undefined` for an address that is somebody else's. */
  readonly answer: (request: Request) => Promise<Response | undefined>
  readonly maxBytes: number
}

/** Answers a request of Node's server by the web-standard handler. Never rejects. */
export async function answerIncoming(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { answer, maxBytes }: Answering,
): Promise<void> {
  // What goes wrong before there is an answer is protected as well.
  const headers = PROTECTED
  try {
    const { bytes, refused } = await readBody(incoming, { maxBytes, timeoutMs: BODY_TIMEOUT_MS })
    if (refused !== undefined) {
      // What is left of the body is not waited for.
      outgoing.writeHead(bodyProblem(refused, maxBytes).status, { ...headers, connection: 'close' }).end()
      return
    }
    const request = toRequest(incoming, bytes)
    const response = (await answer(request)) ?? new Response(null, { status: 404 })
    outgoing.writeHead(response.status, { ...headers, ...Object.fromEntries(response.headers) })
    outgoing.flushHeaders()
    if (!response.body) return void outgoing.end()
    // Also cancels the stream when whoever reads it goes.
    await pipeline(Readable.fromWeb(response.body as NodeReadableStream), outgoing)
  } catch {
    if (!outgoing.headersSent) outgoing.writeHead(400, headers)
    outgoing.end()
  }
}

function toRequest(incoming: IncomingMessage, body: Uint8Array): Request {
  const method = incoming.method ?? 'GET'
  return new Request(`http://127.0.0.1${incoming.url}`, {
    method,
    headers: Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]),
    ...(method !== 'GET' && method !== 'HEAD' && { body: body as Uint8Array<ArrayBuffer> }),
  })
}
