import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createRealtimeServer, type RealtimeServer, type RealtimeServerOptions } from './create-server.ts'

export interface StandaloneServer extends RealtimeServer {
  /** Origin, without the path. */
  readonly url: string
  readonly port: number
}

/** The server on an HTTP server of its own, on 127.0.0.1. */
export async function startRealtimeServer(
  options: RealtimeServerOptions & { readonly port?: number },
): Promise<StandaloneServer> {
  const realtime = createRealtimeServer(options)
  const http = createServer((incoming, outgoing) => {
    const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }
    if (incoming.method === 'OPTIONS') return void outgoing.writeHead(204, cors).end()
    void toRequest(incoming)
      .then((request) => realtime.handleRequest(request))
      .then(async (response) => {
        if (!response) return void outgoing.writeHead(404, cors).end()
        outgoing.writeHead(response.status, { ...cors, ...Object.fromEntries(response.headers) })
        outgoing.end(await response.text())
      })
      .catch(() => outgoing.writeHead(400, cors).end())
  })
  const upgraded = new Set<Duplex>()
  http.on('upgrade', (request, socket, head) => {
    upgraded.add(socket)
    socket.on('close', () => upgraded.delete(socket))
    if (!realtime.handleUpgrade(request, socket, head)) socket.destroy()
  })
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const { port } = http.address() as AddressInfo
  return {
    ...realtime,
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      await realtime.close()
      http.closeAllConnections()
      // Those are no longer the HTTP server's, and yet it waits for them.
      for (const socket of upgraded) socket.destroy()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

async function toRequest(incoming: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const method = incoming.method ?? 'GET'
  return new Request(`http://127.0.0.1${incoming.url}`, {
    method,
    headers: Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]),
    ...(method !== 'GET' && method !== 'HEAD' && { body: Buffer.concat(chunks) }),
  })
}
