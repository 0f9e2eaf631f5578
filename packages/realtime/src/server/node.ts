import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'

interface Answers {
  handleRequest(request: Request): Promise<Response | undefined>
}

/** Answers a request of Node's server by the web-standard handler. Never rejects. */
export async function answerIncoming(
  server: Answers,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  maxBytes: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  try {
    const request = await toRequest(incoming, maxBytes)
    if (!request) {
      // What is left of the body is not waited for.
      outgoing.writeHead(413, { ...headers, connection: 'close' }).end()
      return
    }
    const response = (await server.handleRequest(request)) ?? new Response(null, { status: 404 })
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

async function toRequest(incoming: IncomingMessage, maxBytes: number): Promise<Request | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) return undefined
    chunks.push(chunk)
  }
  const method = incoming.method ?? 'GET'
  return new Request(`http://127.0.0.1${incoming.url}`, {
    method,
    headers: Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]),
    ...(method !== 'GET' && method !== 'HEAD' && { body: Buffer.concat(chunks) }),
  })
}
