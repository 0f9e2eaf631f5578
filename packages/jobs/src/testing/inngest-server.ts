import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sortableId } from '@msc/core'
import { executeFunction, type RegisteredFunction, type WireEventIn, type WireRun } from './inngest-executor.ts'
import { isApiToken, sign } from './inngest-signature.ts'

export type InngestBehaviour = 'ok' | 'silent' | 'error' | 'reset'

export interface InngestServerOptions {
  readonly eventKey: string
  /** `signkey-<env>-<hex>`. */
  readonly signingKey: string
  readonly port?: number
  /** Milliseconds between attempts. Default 50. */
  readonly retryMs?: number
}

export interface InngestServer {
  readonly url: string
  behaviour: InngestBehaviour
  readonly events: readonly WireEventIn[]
  readonly runs: readonly WireRun[]
  /** Asks an application's endpoint to register its functions here, as Inngest does after a deployment. */
  sync(endpoint: string): Promise<void>
  /** Resolves when no run is going on. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Inngest's event API, registration and executor on loopback, as its SDK uses them; calls are signed and verified. */
export async function startInngestServer(options: InngestServerOptions): Promise<InngestServer> {
  const { eventKey, signingKey, retryMs = 50 } = options
  const functions = new Map<string, RegisteredFunction>()
  const events: WireEventIn[] = []
  const seen = new Set<string>()
  const runs: WireRun[] = []
  const working = new Set<Promise<void>>()
  const stopping = new AbortController()
  let behaviour: InngestBehaviour = 'ok'

  const trigger = (event: WireEventIn): void => {
    // An event id is an idempotency key.
    if (seen.has(event.id)) return
    seen.add(event.id)
    events.push(event)
    for (const fn of functions.values()) {
      if (!fn.triggers.some((each) => each.event === event.name)) continue
      const run: WireRun = { id: sortableId(), functionId: fn.id, status: 'running' }
      runs.push(run)
      const work = executeFunction(fn, event, run, { signingKey, retryMs, signal: stopping.signal, fetch })
        .catch((error: unknown) => {
          run.status = 'failed'
          run.result = String(error)
        })
        .finally(() => working.delete(work))
      working.add(work)
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => answer(response, 400, { error: 'malformed request' }))
  })

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (behaviour === 'silent') return
    if (behaviour === 'reset') return void request.socket.destroy()
    if (behaviour === 'error') return answer(response, 503, { error: 'unavailable' })
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    if (url.pathname === '/health') return answer(response, 200, { status: 200, message: 'OK' })
    const body = await text(request)
    if (request.method === 'POST' && url.pathname.startsWith('/e/')) {
      if (url.pathname.slice(3) !== eventKey)
        return answer(response, 401, { error: 'Event key not found', status: 401 })
      const parsed = JSON.parse(body) as WireEventIn | WireEventIn[]
      const list = Array.isArray(parsed) ? parsed : [parsed]
      const received = list.map((event) => ({ ...event, id: event.id ?? sortableId(), ts: event.ts ?? Date.now() }))
      answer(response, 200, { ids: received.map((event) => event.id), status: 200 })
      received.forEach(trigger)
      return
    }
    if (request.method === 'POST' && url.pathname === '/fn/register') {
      if (!isApiToken(request.headers.authorization, signingKey))
        return answer(response, 401, { error: 'Unauthorized' })
      for (const fn of (JSON.parse(body) as { functions: RegisteredFunction[] }).functions) functions.set(fn.id, fn)
      return answer(response, 200, { ok: true, modified: true })
    }
    return answer(response, 404, { error: 'not found' })
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    events,
    runs,
    get behaviour() {
      return behaviour
    },
    set behaviour(next) {
      behaviour = next
    },
    async sync(endpoint) {
      const response = await fetch(endpoint, {
        method: 'PUT',
        headers: { 'x-inngest-signature': sign('', signingKey) },
      })
      if (!response.ok) throw new Error(`Registration answered ${response.status}: ${await response.text()}`)
    },
    async idle() {
      while (working.size > 0) await Promise.allSettled(working)
    },
    async close() {
      stopping.abort(new Error('The server was closed'))
      await Promise.allSettled(working)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
