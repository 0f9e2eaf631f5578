import type { AddressInfo, Server, Socket } from 'node:net'

export interface Listening {
  readonly port: number
  /** Ends every connection, also one that was upgraded or hangs, and then the server. */
  close(): Promise<void>
}

/** A test may open a thousand connections at once, and the kernel resets what the queue has no room for. */
const BACKLOG = 4096

/**
 * Has a server listen on 127.0.0.1. Node only.
 *
 * @param port Default: a free one.
 * @throws What listening fails with, such as `EADDRINUSE`.
 */
export async function listen(server: Server, port = 0): Promise<Listening> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', BACKLOG, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
