import { createServer } from 'node:net'
import { listen } from './listen.ts'
import { postgresMessage } from './postgres-messages.ts'

const AUTHENTICATED = postgresMessage('R', Buffer.from([0, 0, 0, 0]))
const READY = postgresMessage('Z', Buffer.from('I'))
const SHUTDOWN = postgresMessage(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'),
)

/**
 * Starts a server that acts like a Postgres at the moment of its shutdown: it sends each client in one packet that it is ready
 * and that it terminates the connection, as a real server may.
 *
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export async function startLeavingPostgres(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, SHUTDOWN])))
  })
  const { port, close } = await listen(server)
  return { url: `postgres://user@127.0.0.1:${port}/database`, close }
}
