import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { postgresMessage, messageReader } from './postgres-messages.ts'

export interface TransactionPooler {
  /** The server's URL with the pooler's port. */
  readonly url: string
  close(): Promise<void>
}

export interface TransactionPoolerOptions {
  /** The number of connections to the server. Default 2. */
  readonly servers?: number
  /**
   * Which free connection gets the next transaction: the one that was released last or first. Default `latest`, like
   * PgBouncer without `server_round_robin`.
   */
  readonly next?: 'latest' | 'oldest'
}

interface Backend {
  readonly socket: Socket
  client?: Client | undefined
}
interface Client {
  readonly socket: Socket
  backend?: Backend | undefined
  /** Messages that wait for a free backend. */
  waiting: Buffer[]
}

/** The answer to a client's startup message, without a password. The process id is made up, as PgBouncer's is. */
const WELCOME = Buffer.concat([
  postgresMessage('R', Buffer.from([0, 0, 0, 0])),
  postgresMessage('S', Buffer.from('server_version\x0015.0\0')),
  postgresMessage('S', Buffer.from('client_encoding\x00UTF8\0')),
  postgresMessage('K', Buffer.from([0, 1, 0, 1, 0, 0, 0, 7])),
  postgresMessage('Z', Buffer.from('I')),
])
const SSL_REQUEST = 80877103

/**
 * Starts a pooler that gives each transaction to one of a few connections to the server at `url`, which must not require a
 * password. Messages that the server sends outside a transaction are dropped. It supports neither COPY nor cancel requests.
 *
 * Sources: https://www.postgresql.org/docs/current/protocol-flow.html and https://www.pgbouncer.org/features.html
 */
export async function startTransactionPooler(
  url: string,
  { servers = 2, next = 'latest' }: TransactionPoolerOptions = {},
): Promise<TransactionPooler> {
  const target = new URL(url)
  const free: Backend[] = []
  const queue: Client[] = []
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): Socket => {
    sockets.add(socket)
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  }

  const hand = (client: Client, backend: Backend): void => {
    client.backend = backend
    backend.client = client
    for (const bytes of client.waiting.splice(0)) backend.socket.write(bytes)
  }
  const release = (backend: Backend): void => {
    if (backend.client) backend.client.backend = undefined
    backend.client = undefined
    const waiting = queue.shift()
    if (waiting) return hand(waiting, backend)
    if (next === 'latest') free.unshift(backend)
    else free.push(backend)
  }
  const send = (client: Client, bytes: Buffer): void => {
    if (client.backend) return void client.backend.socket.write(bytes)
    client.waiting.push(bytes)
    if (client.waiting.length > 1) return
    const backend = free.shift()
    if (backend) hand(client, backend)
    else queue.push(client)
  }

  const open = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = keep(connect(Number(target.port), target.hostname))
      const backend: Backend = { socket }
      let isReady = false
      const read = messageReader(false, (letter, bytes) => {
        if (isReady) backend.client?.socket.write(bytes)
        if (letter === 'E' && !isReady) reject(new Error(bytes.toString('utf8', 5)))
        if (letter !== 'Z') return
        const isIdle = bytes.at(-1) === 0x49
        if (isReady && !isIdle) return
        isReady = true
        release(backend)
        resolve()
      })
      socket.on('data', read).on('close', () => reject(new Error('The server closed the connection.')))
      socket.write(startup(target.username, target.pathname.slice(1)))
    })

  const server = createServer((socket) => {
    keep(socket)
    const client: Client = { socket, waiting: [] }
    const read = messageReader(true, (letter, bytes) => {
      if (letter === '' && bytes.readInt32BE(4) === SSL_REQUEST) return void socket.write('N')
      if (letter === '') return void socket.write(WELCOME)
      if (letter !== 'X') send(client, bytes)
    })
    socket.on('data', read).on('close', () => {
      // Without a rollback, the next client would get the open transaction.
      if (client.backend) client.backend.socket.write(postgresMessage('Q', Buffer.from('rollback\0')))
      const index = queue.indexOf(client)
      if (index !== -1) queue.splice(index, 1)
    })
  })
  for (let count = 0; count < servers; count++) await open()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const own = new URL(url)
  own.port = String((server.address() as AddressInfo).port)
  return {
    url: own.href,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Builds the startup message, which has no type letter. */
function startup(user: string, database: string): Buffer {
  const parameters = Buffer.from(`user\0${user}\0database\0${database}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(parameters.length + 8, 0)
  head.writeInt32BE(3 << 16, 4)
  return Buffer.concat([head, parameters])
}
