import type { AddressInfo, Server, Socket } from 'node:net'

export interface Listening {
  readonly port: number
  /** Destroys all connections, including upgraded and hanging ones, and closes the server. */
  close(): Promise<void>
}

/** A test may open a thousand connections at once, and the kernel resets those for which the queue has no room. */
const BACKLOG = 4096

/**
 * Starts a server on 127.0.0.1. Node only.
 *
 * @param port The port to listen on. Default: a free one.
 * @throws The error of `server.listen`, such as `EADDRINUSE`.
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
