import { createServer } from 'node:net'
import { listen } from './listen.ts'

/** A message of Postgres's protocol: its letter, its length, what it says. */
function message(letter: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(letter, 0)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const AUTHENTICATED = message('R', Buffer.from([0, 0, 0, 0]))
const READY = message('Z', Buffer.from('I'))
const GOING = message(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0'),
)

/**
 * A Postgres that is shut down just then: each connection is told in one packet that it is ready and that it is over, as a
 * real one may be.
 *
 * Source: https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export async function startLeavingPostgres(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, GOING])))
  })
  const { port, close } = await listen(server)
  return { url: `postgres://user@127.0.0.1:${port}/database`, close }
}
