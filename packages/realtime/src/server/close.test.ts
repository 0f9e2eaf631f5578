import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { deferred } from '../base/promises.ts'
import { createMemoryBusHub, memoryBus } from '../bus/index.ts'
import { openRaw } from '../testing/raw-socket.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createRealtimeServer, startRealtimeServer } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'

/** A peer that never says goodbye. */
async function upgrade(port: number, key: string): Promise<{ socket: Socket; answered: Promise<string> }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  const answered = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))))
  socket.write(
    `GET /realtime/v1/websocket?apikey=${key}&vsn=2.0.0 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n\r\n',
  )
  return { socket, answered }
}

it('closes though a peer that was refused, one that was not, and one that only just comes stay silent', async () => {
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true })
  const key = await signTestToken(jwtSecret, { sub: 'a' })
  const refused = await upgrade(server.port, 'forged')
  expect(await refused.answered).toContain('401')
  const taken = await upgrade(server.port, key)
  expect(await taken.answered).toContain('101')
  const late = await upgrade(server.port, key)
  await server.close()
  for (const { socket } of [refused, taken, late]) socket.destroy()
  expect(server.stats()).toMatchObject({ connections: 0, rooms: 0 })
})

it('lets go of its sockets and its port whatever becomes of its feeds', async () => {
  const feeds = {
    start: async () => undefined,
    since: async () => ({ cursor: '0', events: [], gap: false }),
    replay: async () => [],
    close: () => Promise.reject(new Error('PGlite is closed')),
  }
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, feeds: feeds as never })
  const { socket, answered } = await upgrade(server.port, await signTestToken(jwtSecret, { sub: 'a' }))
  expect(await answered).toContain('101')
  await expect(server.close()).rejects.toThrow('PGlite is closed')
  await expect(fetch(`${server.url}/realtime/v1/health`)).rejects.toThrow('fetch failed')
  expect(server.stats()).toMatchObject({ connections: 0, rooms: 0 })
  socket.destroy()
})

it('tells its clients before it waits for a database that answers nothing, and a second call waits as the first', async () => {
  const away = deferred<void>()
  const feeds = {
    start: async () => undefined,
    since: async () => ({}),
    replay: async () => [],
    close: () => away.promise,
  }
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, feeds: feeds as never })
  const client = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'a' }))
  let closed = 0
  const all = [server.close(), server.close()].map((each) => each.then(() => (closed += 1)))
  expect((await client.ended)[0]).toBe(1001)
  expect(closed).toBe(0)
  away.resolve()
  await Promise.all(all)
  expect(closed).toBe(2)
})

it('takes nothing once it is closed, which would reach nobody, and says so', async () => {
  const hub = createMemoryBusHub()
  const options = { jwtSecret, authorize: () => true, history: [{ topics: 'kept', actions: 'author' as const }] }
  const other = createRealtimeServer({ ...options, bus: memoryBus(hub) })
  const server = createRealtimeServer({ ...options, bus: memoryBus(hub) })
  await Promise.all([server.ready, other.ready])
  await server.close()
  const closed = { code: 'DRIVER_CLOSED' }
  const message = (topic: string) => ({ topic, event: 'e', payload: {}, private: false })
  for (const topic of ['room', 'kept']) {
    expect(() => server.publish(message(topic))).toThrow(expect.objectContaining(closed))
  }
  await expect(server.act({ topic: 'kept', private: false, id: 'm1', action: 'delete' })).rejects.toMatchObject(closed)
  await expect(server.occupancy('room')).rejects.toMatchObject(closed)
  await expect(server.history('kept')).rejects.toMatchObject(closed)
  // Other servers would not hear of these.
  for (const end of [() => server.revoke({ sub: 'a' }), () => server.disconnect({ sub: 'a' })]) {
    expect(end).toThrow(expect.objectContaining(closed))
  }
  const headers = { authorization: `Bearer ${await signTestToken(jwtSecret, { sub: 'a' })}` }
  const body = JSON.stringify({ messages: [message('room')] })
  for (const [path, init] of [
    ['api/broadcast', { method: 'POST', body }],
    ['events?topic=room', {}],
    ['health', {}],
  ] as const) {
    const answer = await server.handleRequest(new Request(`http://x/realtime/v1/${path}`, { ...init, headers }))
    expect([path, answer?.status, answer?.headers.get('retry-after')]).toEqual([path, 503, '1'])
  }
  expect(await server.handleRequest(new Request('http://x/elsewhere'))).toBeUndefined()
  await other.close()
})

it.each([
  [
    'takes nothing of what a request says',
    'realtime/v1/api/broadcast',
    { messages: [{ topic: 'room', event: 'e', payload: {}, private: true }] },
  ],
  ['reads nothing of a feed', 'rest/v1/rpc/msc_feed_since', { topic: 'feed:items:a' }],
])('%s whose sender was still looked at when it closed', async (_what, path, body) => {
  const [asked, answer] = [deferred<void>(), deferred<boolean>()]
  let reads = 0
  const server = createRealtimeServer({
    jwtSecret,
    authorize() {
      asked.resolve()
      return answer.promise
    },
    feeds: {
      start: async () => undefined,
      since: async () => {
        reads += 1
        return { cursor: '', events: [], gap: false, more: false }
      },
      replay: async () => [],
      close: async () => undefined,
    },
  })
  const headers = { authorization: `Bearer ${await signTestToken(jwtSecret, { sub: 'a' })}` }
  const request = new Request(`http://x/${path}`, { method: 'POST', body: JSON.stringify(body), headers })
  const answered = server.handleRequest(request)
  await asked.promise
  await server.close()
  answer.resolve(true)
  expect([(await answered)?.status, reads]).toEqual([503, 0])
})

it.each(['//', '/\\', '*', 'http://[', '/%', '/realtime/v1/%zz?apikey=%'])(
  'outlives whoever asks for %s, as a request and as an upgrade',
  async (address) => {
    const server = await startRealtimeServer({ jwtSecret, authorize: () => true })
    const ask = (headers: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({ port: server.port, host: '127.0.0.1' })
        let answer = ''
        socket.on('data', (bytes) => (answer += String(bytes)))
        socket.on('error', () => undefined)
        socket.on('close', () => resolve(answer))
        socket.write(`GET ${address} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
      })
    expect(await ask('Connection: close\r\n')).toMatch(/^HTTP\/1.1 4\d\d /)
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n'
    expect(await ask(upgrade)).not.toContain('101')
    expect((await fetch(`${server.url}/realtime/v1/health`)).status).toBe(200)
    await server.close()
  },
)

it.each([undefined, 'short', 5, true, {}, Promise.resolve(jwtSecret)])('refuses the secret %j', (wrong) => {
  expect(() => createRealtimeServer({ jwtSecret: wrong as string, authorize: () => true })).toThrow(
    expect.objectContaining({ code: 'JWT_SECRET_INVALID', hint: expect.stringContaining('SUPABASE_JWT_SECRET') }),
  )
})
