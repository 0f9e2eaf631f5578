// Serves the app on one port: Next.js for requests, the embedded realtime server for WebSocket upgrades and its
// streams. A custom server, because Next's own does not pass upgrades to route handlers; a deployment with Supabase
// does not need it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { emit, formatTraceparent, newTrace, parseTraceparent, withContext, withUnit } from '@msc/core'
import { profileFromEnv, securityHeaders, stampClientAddress } from '@msc/platform'
import { limitConnections } from '@msc/platform/node'
import next from 'next'
import { boot } from '../lib/boot.ts'
import { renderInto } from './rendering.ts'
import { banner } from './banner.ts'
import { listenAddress, listenProblem } from './listen-address.ts'
import { refuseToStart } from './refuse-to-start.ts'
import { frontGate } from './gate.ts'

const dev = process.env['NODE_ENV']?.trim() !== 'production'

// Numbers and addresses first, while nothing is open.
const profile = await Promise.resolve()
  .then(() => profileFromEnv())
  .catch(refuseToStart)
const address = await listenAddress(process.env)
if ('problem' in address) {
  console.error(address.problem)
  process.exit(1)
}
const { host: hostname, port } = address

// Before Next.js, so that no request meets half of the services. Their instances are on globalThis, where Next's
// bundles find them.
let tellListening = (): void => undefined
const listening = new Promise<void>((resolve) => (tellListening = resolve))
const running = await boot(listening).catch(refuseToStart)
const headers = Object.entries(securityHeaders(profile))
const gate = frontGate()

const server = createServer({
  headersTimeout: 15_000,
  requestTimeout: 60_000,
  // Some clients offer HTTP/2 by an upgrade, and take an answer over HTTP/1.1 as well.
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
})
// A proxy's connections are everybody's, and it limits them itself.
const isBehindProxy = (profile.clientAddress.trustedHops ?? 0) > 0 || profile.clientAddress.header !== undefined
limitConnections(server, isBehindProxy ? { perAddress: Infinity } : {})
const app = next({ dev, hostname, port, httpServer: server })
await app.prepare()
const handle = app.getRequestHandler()
const handleUpgrade = app.getUpgradeHandler()

server.on('request', (request, response) => void answer(request, response))

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  for (const [name, value] of headers) response.setHeader(name, value)
  // Files and answers of routes are no documents; what is shown in place of one that is missing runs nothing.
  if (/^\/(?:_next|api)\//.test(request.url ?? '')) response.setHeader('content-security-policy', "default-src 'none'")
  // What a client says of its address is overwritten, here and for all handlers behind.
  stampClientAddress(request, profile.clientAddress)
  if (!(await gate.admit(request, response))) return
  const allowed = methodsOf(request)
  if (allowed.length === 0) {
    response.writeHead(404, { connection: 'close' }).end()
    return
  }
  if (!allowed.includes(request.method ?? '')) {
    response.writeHead(405, { allow: allowed.join(', '), connection: 'close' }).end()
    return
  }
  if (running.handleRequest(request, response)) return
  // Whole files, which every client takes: what a file does not meet of these, Next.js answers with 500.
  for (const condition of ['range', 'if-match', 'if-unmodified-since']) delete request.headers[condition]
  // One trace for everything that a request causes, pages included. Next passes the header on to route handlers.
  const { traceparent } = request.headers
  const trace = newTrace(parseTraceparent(Array.isArray(traceparent) ? traceparent[0] : traceparent))
  request.headers['traceparent'] = formatTraceparent(trace)
  // Clients send any text: `//` is not a valid URL, and must not end the process.
  const [path = '/'] = (request.url ?? '/').split('?', 1)
  const from = performance.now()
  // API routes report themselves, with their pattern. A prefetch is not a visit.
  const prefetch = request.headers['next-router-prefetch'] !== undefined
  if (!prefetch && !path.startsWith('/_next/') && !path.startsWith('/api/')) {
    response.once('finish', () =>
      withContext({ trace }, () =>
        emit('http.request', { method: request.method ?? 'GET', route: path, status: response.statusCode }, from),
      ),
    )
  }
  // A unit of work of its own: what one page sets in its scope, such as the user, must not reach another request.
  await withUnit({ trace }, () => renderInto(response, () => handle(request, response)))
}

/**
 * Pages are read, and forms send to routes: Next.js would keep the whole body of anything else in memory. The gate has let only
 * addresses pass in which Next.js finds the same path.
 */
function methodsOf({ url = '/' }: IncomingMessage): readonly string[] {
  // Data of pages, of the older kind that this app has none of, by which Next.js would find the page behind it; and what is shown
  // when nothing else can be.
  if (/^\/(?:_next\/data|_global-error)(?:[/?.]|$)/.test(url)) return []
  const isRoute = /^\/(?:api|devtools|realtime|rest)(?:[/?]|$)/.test(url)
  return isRoute ? ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] : ['GET', 'HEAD']
}

server.on('upgrade', (request, socket, head) => {
  stampClientAddress(request, profile.clientAddress)
  if (running.handleUpgrade(request, socket, head)) return
  // Serves hot reload in development; any other upgrade is closed rather than left hanging.
  if (dev && request.url?.startsWith('/_next/')) void handleUpgrade(request, socket, head)
  else socket.destroy()
})

server.once('error', (error: NodeJS.ErrnoException) => {
  // Another process has taken the port since it was tried.
  console.error(listenProblem(address, error.code))
  process.exit(1)
})

server.listen(port, hostname, () => {
  tellListening()
  void (async () => {
    const url = `http://${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`
    console.log(banner(url, profile, await running.health()))
  })()
})

let stopping = false
function stop(): void {
  // A second Ctrl-C ends the process at once.
  if (stopping) process.exit(130)
  stopping = true
  const late = setTimeout(() => process.exit(1), 10_000)
  void (async () => {
    server.close()
    await running.close()
    server.closeAllConnections()
    clearTimeout(late)
    process.exit(0)
  })()
}
process.on('SIGINT', stop)
process.on('SIGTERM', stop)
process.on('SIGHUP', stop)
