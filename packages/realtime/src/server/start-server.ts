import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { inTurn } from '@msc/core'
import { createRealtimeServer } from './create-server.ts'
import type { RealtimeServerOptions } from './options.ts'
import type { RealtimeServer } from './realtime-server.ts'
import { PROTECTED } from './http/answers.ts'

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
    outgoing.setHeader('access-control-allow-origin', '*')
    outgoing.setHeader('access-control-allow-headers', '*')
    if (incoming.method === 'OPTIONS') return void outgoing.writeHead(204, PROTECTED).end()
    if (!realtime.handleIncoming(incoming, outgoing)) outgoing.writeHead(404, PROTECTED).end()
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
  let closing: Promise<void> | undefined
  const closeAll = (): Promise<void> =>
    inTurn(
      () => realtime.close(),
      () => {
        http.closeAllConnections()
        // Those are no longer the HTTP server's, and yet it waits for them.
        for (const socket of upgraded) socket.destroy()
        return new Promise((resolve) => http.close(resolve))
      },
    )
  return {
    ...realtime,
    port,
    url: `http://127.0.0.1:${port}`,
    close: () => (closing ??= closeAll()),
  }
}
