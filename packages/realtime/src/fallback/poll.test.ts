import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { embedded } from '../drivers/embedded.ts'
import { memory } from '../drivers/memory.ts'
import { createRealtimeServer, type RealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { PollSocket } from './poll-socket.ts'

type Answer = 'whole' | 'lost' | 'cut' | 'taken and lost' | '503' | 'later' | 'too many'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let realtime: RealtimeServer
let http: Server
let url: string
/** What becomes of the answers to come; then they are whole. */
let fates: Answer[]
/** Of those to frames that are sent, before these. */
let sendFates: Answer[]
const clients: Realtime[] = []

beforeEach(async () => {
  realtime = createRealtimeServer({
    jwtSecret,
    authorize: () => true,
    limits: { perAccount: false, perAddress: false },
  })
  fates = []
  sendFates = []
  http = createServer(async (request, response) => {
    // The session's own requests; the first one opens it.
    const isOwn = /\/poll\/\w/.test(request.url ?? '')
    const fate = (isOwn && ((request.method === 'POST' && sendFates.shift()) || fates.shift())) || 'whole'
    if (fate === 'lost') return void request.socket.destroy()
    if (fate === '503') return void response.writeHead(503).end()
    if (fate === 'too many') return void response.writeHead(429, { 'retry-after': '60' }).end()
    if (fate === 'later') return void response.writeHead(503, { 'retry-after': '9999999' }).end('<html>')
    if (fate === 'whole') return void realtime.handleIncoming(request, response)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answer = await realtime.handleRequest(
      new Request(`http://x${request.url}`, {
        method: request.method ?? 'GET',
        ...(request.method === 'POST' && { body: Buffer.concat(chunks) }),
      }),
    )
    const text = (await answer?.text()) ?? ''
    if (fate === 'taken and lost') return void request.socket.destroy()
    // As of a proxy that ends what it does not know the length of: the answer looks whole.
    response.writeHead(answer?.status ?? 500).end(text.slice(0, Math.ceil(text.length * 0.7)))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1`
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await realtime.close()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})
const connect = async (sub: string): Promise<Realtime> => {
  const token = await signTestToken(jwtSecret, { sub })
  const client = createRealtime({ driver: embedded({ url, WebSocket: PollSocket }), getToken: () => token })
  clients.push(client)
  return client
}

describe('polling', () => {
  it('loses nothing and repeats nothing of what comes, whatever becomes of the answers', async () => {
    const client = await connect('a')
    const channel = client.channel('room')
    const heard: unknown[] = []
    let gaps = 0
    channel.on('note', ({ n }) => heard.push(n))
    channel.onGap(() => (gaps += 1))
    await channel.ready
    fates = ['cut', 'lost', 'taken and lost', '503', 'cut', 'whole', 'lost']
    for (let n = 1; n <= 100; n++) {
      realtime.publish({ topic: 'room', event: 'note', payload: { n }, private: false })
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 30))
    }
    await expect.poll(() => heard.length).toBe(100)
    expect(heard).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
    expect(gaps).toBe(0)
    await expect.poll(() => fates).toEqual([])
  })

  it('sends each message once, also when the answer to it is lost', async () => {
    const [alice, bob] = [(await connect('a')).channel('room'), (await connect('b')).channel('room')]
    const heard: unknown[] = []
    bob.on('note', ({ n }) => heard.push(n))
    await Promise.all([alice.ready, bob.ready])
    for (let n = 1; n <= 5; n++) {
      fates = ['taken and lost', 'lost', 'taken and lost']
      await alice.broadcast('note', { n })
    }
    await expect.poll(() => heard).toEqual([1, 2, 3, 4, 5])
  })

  it('waits no longer than moments for a gateway that is in trouble, whatever it says', async () => {
    const client = await connect('a')
    const channel = client.channel('room')
    const heard: unknown[] = []
    let gaps = 0
    channel.on('note', ({ n }) => heard.push(n))
    channel.onGap(() => (gaps += 1))
    await channel.ready
    fates = ['later', 'later']
    await (await connect('b')).channel('room').broadcast('note', { n: 1 })
    await expect.poll(() => heard).toEqual([1])
    expect([fates, gaps]).toEqual([[], 0])
  })

  it('loses nothing that follows a frame whose answer was lost before the server took no more', async () => {
    const heard: unknown[] = []
    const token = await signTestToken(jwtSecret, { sub: 'b' })
    const other = createRealtime({ driver: memory({ server: realtime }), getToken: () => token })
    clients.push(other)
    const listening = other.channel('room')
    listening.on('note', ({ n }) => heard.push(n))
    await listening.ready
    const channel = (await connect('a')).channel('room')
    const gap = new Promise<void>((resolve) => channel.onGap(resolve))
    await channel.ready
    sendFates = ['taken and lost', 'too many']
    // That it was taken comes by the other way, or with the connection's end nobody knows.
    const [first] = await Promise.allSettled([channel.broadcast('note', { n: 1 })])
    expect(first).not.toMatchObject({ reason: { code: 'REALTIME_RATE_LIMITED' } })
    await gap
    await channel.broadcast('note', { n: 2 })
    await expect.poll(() => heard).toEqual([1, 2])
  })

  it('ends when the server ends it, and comes back', async () => {
    const client = await connect('a')
    const channel = client.channel('room')
    let gaps = 0
    channel.onGap(() => (gaps += 1))
    await channel.ready
    realtime.disconnect({ sub: 'a' })
    await expect.poll(() => gaps).toBe(1)
    expect(client.status).toBe('connected')
  })

  it('gives up where no answer comes any more, and says that it is lost', { timeout: 30_000 }, async () => {
    const client = await connect('a')
    await client.channel('room').ready
    fates = Array.from({ length: 6 }, () => 'lost')
    realtime.publish({ topic: 'room', event: 'note', payload: {}, private: false })
    await expect.poll(() => client.status, { timeout: 25_000 }).toBe('reconnecting')
    await expect.poll(() => client.status).toBe('connected')
  })

  it('asks nobody without end who answers at once and with nothing', async () => {
    const polls: number[] = []
    let onSecond = (): void => {}
    const second = new Promise<void>((resolve) => (onSecond = resolve))
    const lying = createServer((request, response) => {
      if (request.method === 'GET' && polls.push(performance.now()) === 2) onSecond()
      response.end(request.method === 'GET' ? '{"from":1}\n' : '{"session":"s"}')
    })
    await new Promise<void>((resolve) => lying.listen(0, '127.0.0.1', resolve))
    const { port } = lying.address() as AddressInfo
    const socket = new PollSocket(`ws://127.0.0.1:${port}/websocket?apikey=t`)
    await second
    socket.close()
    const [first = 0, next = 0] = polls
    expect(next - first).toBeGreaterThan(900)
    lying.closeAllConnections()
    lying.close()
  })
})
