import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { embedded } from '../drivers/embedded.ts'
import { memory } from '../drivers/memory.ts'
import { createRealtimeServer, type RealtimeServer, type RealtimeServerOptions } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { batchSize } from './batch.ts'
import { PollSocket } from './poll-socket.ts'
import { SseSocket } from './sse-socket.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const clients: Realtime[] = []
let realtime: RealtimeServer
let http: Server
/** Requests with frames that are to be answered 429, and how many frames the others had. */
let refusals: number
let sizes: number[]
/** What they are told to wait, and when each came. */
let retryAfter: string
let askedAt: number[]

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await realtime.close()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})

async function serve(limits: RealtimeServerOptions['limits'] = {}): Promise<string> {
  refusals = 0
  sizes = []
  retryAfter = '0'
  askedAt = []
  realtime = createRealtimeServer({ jwtSecret, authorize: () => true, limits })
  http = createServer((request, response) => {
    const isUp = request.method === 'POST' && /\/(?:events|poll)\/\w/.test(request.url ?? '')
    if (isUp) askedAt.push(performance.now())
    if (isUp && refusals-- > 0) return void response.writeHead(429, { 'retry-after': retryAfter }).end()
    if (isUp) sizes.push(Number(request.headers['content-length']))
    realtime.handleIncoming(request, response)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1`
}
async function connect(driver: Parameters<typeof createRealtime>[0]['driver'], sub: string): Promise<Realtime> {
  const token = await signTestToken(jwtSecret, { sub })
  const client = createRealtime({ driver, getToken: () => token, onError: () => {} })
  clients.push(client)
  return client
}
/** What somebody else hears of a room. */
async function listen(): Promise<number[]> {
  const heard: number[] = []
  const room = (await connect(memory({ server: realtime }), 'ben')).channel('room')
  room.on('*', ({ n }) => heard.push(n as number))
  await room.ready
  return heard
}
const upTo = (end: number): number[] => Array.from({ length: end }, (_each, n) => n)

describe.each([
  ['server-sent events', SseSocket],
  ['polling', PollSocket],
])('what waits to be sent, over %s', (_name, WebSocket) => {
  it('goes in requests that the server takes, all of it and in order', { timeout: 20_000 }, async () => {
    const url = await serve()
    const heard = await listen()
    const room = (await connect(embedded({ url, WebSocket }), 'ana')).channel('room')
    let gaps = 0
    room.onGap(() => (gaps += 1))
    const sizeOf = (n: number): number => (n % 5 === 0 ? 150_000 : 8000)
    await Promise.all(upTo(40).map((n) => room.broadcast('note', { n, text: 'é'.repeat(sizeOf(n) / 2) })))
    await expect.poll(() => heard.length).toBe(40)
    expect([heard, gaps]).toEqual([upTo(40), 0])
    expect(Math.max(...sizes)).toBeLessThan(256 * 1024)
  })

  it('goes in smaller ones where a server takes less, and a frame that is too large fails alone', async () => {
    const url = await serve({ frameBytes: 4000 })
    const heard = await listen()
    const room = (await connect(embedded({ url, WebSocket }), 'ana')).channel('room')
    await room.ready
    let gaps = 0
    room.onGap(() => (gaps += 1))
    const outcomes = await Promise.all(
      upTo(20).map((n) =>
        // The payload alone is no larger than the server said, and the frame around it is.
        room.broadcast('note', { n, text: 'x'.repeat(n === 7 ? 3850 : 1000) }).then(
          () => 'sent',
          (error: { code?: unknown }) => error.code,
        ),
      ),
    )
    expect(outcomes).toEqual(upTo(20).map((n) => (n === 7 ? 'REALTIME_PAYLOAD_TOO_LARGE' : 'sent')))
    await expect.poll(() => heard.length).toBe(19)
    expect([heard, gaps]).toEqual([upTo(20).filter((n) => n !== 7), 0])
  })

  it('goes again when the server has said that it comes too fast', async () => {
    const url = await serve()
    const heard = await listen()
    const room = (await connect(embedded({ url, WebSocket }), 'ana')).channel('room')
    await room.ready
    let gaps = 0
    room.onGap(() => (gaps += 1))
    refusals = 2
    await Promise.all(upTo(3).map((n) => room.broadcast('note', { n })))
    await expect.poll(() => heard).toEqual(upTo(3))
    expect(gaps).toBe(0)
  })

  it.each(['60', '9999999', '1e400'])('is refused where it would have to wait for %s seconds', async (seconds) => {
    const url = await serve()
    const room = (await connect(embedded({ url, WebSocket }), 'ana')).channel('room')
    await room.ready
    const gap = new Promise<void>((resolve) => room.onGap(resolve))
    askedAt = []
    retryAfter = seconds
    refusals = 1
    const error: unknown = await room.broadcast('note', { n: 1 }).catch((reason: unknown) => reason)
    const most = Math.min(Number(seconds), 3600) * 1000
    expect(error).toMatchObject({ code: 'REALTIME_RATE_LIMITED', retryable: true, retryAfterMs: most })
    expect(askedAt).toHaveLength(1)
    // The server has room again, and what comes then finds nothing of before in its way.
    await gap
    const heard = await listen()
    await room.broadcast('note', { n: 2 })
    await expect.poll(() => heard).toEqual([2])
  })

  it('goes again no earlier than the server has said', async () => {
    const url = await serve()
    const room = (await connect(embedded({ url, WebSocket }), 'ana')).channel('room')
    await room.ready
    askedAt = []
    retryAfter = '1'
    refusals = 2
    await room.broadcast('note', { n: 1 })
    const [first = 0, second = 0, third = 0] = askedAt
    expect(askedAt).toHaveLength(3)
    for (const waited of [second - first, third - second]) expect(waited).toBeGreaterThan(990)
  })
})

it('puts frames together up to a bound, and one that is larger alone', () => {
  const line = (length: number): string => 'x'.repeat(length)
  expect(batchSize([line(10), line(10)])).toBe(2)
  expect(batchSize([line(40_000), line(40_000)])).toBe(1)
  expect(batchSize([line(400_000), line(10)])).toBe(1)
  expect(batchSize(Array.from({ length: 500 }, () => line(10)))).toBe(100)
})
