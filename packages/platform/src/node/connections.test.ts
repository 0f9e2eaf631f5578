import { createServer, type RequestListener, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import { limitConnections, type ConnectionLimits } from './connections.ts'

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function start(
  limits: ConnectionLimits,
  answer: RequestListener = (_, response) => void response.end('here'),
): Promise<number> {
  const server = createServer(answer)
  limitConnections(server, limits)
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function open(port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => undefined)
  sockets.push(socket)
  await once(socket, 'connect')
  return socket
}

const answered = async (socket: Socket): Promise<boolean> => {
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  // `once` would reject when the server resets the connection.
  const first = await new Promise((resolve) => socket.once('data', resolve).once('close', () => resolve(undefined)))
  return String(first).startsWith('HTTP/1.1 200')
}

it('leaves room for others when one address opens as many connections as it can', async () => {
  const port = await start({ perAddress: 3 })
  const mine = await Promise.all([open(port), open(port), open(port)])
  expect(await answered(await open(port))).toBe(false)
  expect(await answered(await open(port, '127.0.0.2'))).toBe(true)
  mine[0]?.destroy()
  // It is counted until the server has seen its end.
  let again = false
  for (let attempt = 0; attempt < 100 && !again; attempt++) again = await answered(await open(port))
  expect(again).toBe(true)
})

it('gives a place to whoever has fewer when a crowd has taken them all', async () => {
  const port = await start({ most: 4, perAddress: 3 })
  const crowd = [
    await open(port, '127.0.0.2'),
    await open(port, '127.0.0.2'),
    await open(port, '127.0.0.2'),
    await open(port, '127.0.0.3'),
  ]
  const closed = once(crowd[2] as Socket, 'close')
  const mine = await open(port)
  expect(await answered(mine)).toBe(true)
  await closed
  // Nobody has more than one that is left to give.
  expect(await answered(await open(port))).toBe(false)
  expect(await answered(await open(port, '127.0.0.4'))).toBe(true)
  expect(await answered(await open(port, '127.0.0.5'))).toBe(false)
  expect(await answered(mine)).toBe(true)
})

it('ends a connection whose client does not read its answer', async () => {
  const port = await start({ idleMs: 200 }, (_, response) => void response.end(Buffer.alloc(64 * 1024 * 1024)))
  const [{ socket }] = (await Promise.all([
    once(servers[0] as Server, 'request').then(([request]) => request as { socket: Socket }),
    open(port).then((client) => client.pause().write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')),
  ])) as [{ socket: Socket }, unknown]
  if (!socket.destroyed) await once(socket, 'close')
  expect(socket.destroyed).toBe(true)
})

it('takes any number from a proxy', async () => {
  const port = await start({ perAddress: Infinity })
  const all = await Promise.all(Array.from({ length: 20 }, () => open(port)))
  expect(await Promise.all(all.map(answered))).not.toContain(false)
})

it.each([{ most: 0 }, { perAddress: 0 }, { idleMs: -1 }])('refuses %j', (limits) => {
  expect(() => limitConnections(createServer(), limits)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})
