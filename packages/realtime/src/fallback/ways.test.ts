import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { embedded, type EmbeddedOptions } from '../drivers/embedded.ts'
import { createRealtimeServer, type RealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { PollSocket } from './poll-socket.ts'
import { SseSocket } from './sse-socket.ts'

type Way = 'websocket' | 'events' | 'poll'
type Fate = 'open' | 'refused' | 'mute' | 401 | 429 | 503

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let realtime: RealtimeServer
let http: Server
/** What the network does with each way. */
let network: Record<Way, Fate>
/** What was tried, in order. */
let tried: Way[]
let client: Realtime
let token: string

/** Which way a new connection goes; `undefined` for what belongs to one that is open. */
const wayOf = ({ url = '', method }: IncomingMessage): Way | undefined =>
  /\/events(\?|$)/.test(url) ? 'events' : /\/poll(\?|$)/.test(url) && method === 'POST' ? 'poll' : undefined
/** As proxies do that collect an answer until it ends: the head comes, and nothing of the body. */
const mute = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
}

/** In the words that many gateways have. */
const refuseAsGateway = (response: ServerResponse, status: number): void => {
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' })
  response.end(JSON.stringify({ error: 'Service Unavailable', code: 'UNAVAILABLE' }))
}

// Translated once, as it would be on a page: the first time takes longer than the next try of a WebSocket.
beforeAll(() => import('./ways.ts'))
beforeEach(async () => {
  realtime = createRealtimeServer({ jwtSecret, authorize: () => true })
  token = await signTestToken(jwtSecret, { sub: 'a' })
  network = { websocket: 'open', events: 'open', poll: 'open' }
  tried = []
  http = createServer((request, response) => {
    const way = wayOf(request)
    if (way) tried.push(way)
    const fate = network[way ?? 'poll']
    if (fate === 'refused') request.socket.destroy()
    else if (way && fate === 'mute') mute(response)
    else if (way && typeof fate === 'number') refuseAsGateway(response, fate)
    else if (!realtime.handleIncoming(request, response)) response.writeHead(404).end()
  })
  http.on('upgrade', (request, socket, head) => {
    tried.push('websocket')
    socket.on('error', () => undefined)
    if (network.websocket === 'refused') socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    // Else it is swallowed.
    else if (network.websocket === 'open') realtime.handleUpgrade(request, socket, head)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await client.close()
  await realtime.close()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})
/** Uses up the streams of the account. */
async function fill(): Promise<void> {
  for (let status = 200; status === 200;) {
    const request = new Request('http://x/realtime/v1/events', { headers: { authorization: `Bearer ${token}` } })
    status = (await realtime.handleRequest(request))?.status ?? 0
  }
}
const connect = (options: EmbeddedOptions = {}): Realtime => {
  client = createRealtime({
    driver: embedded({
      url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1`,
      WebSocket: WebSocket as never,
      fallback: [SseSocket, PollSocket],
      ...options,
    }),
    getToken: () => token,
    random: () => 0,
  })
  return client
}

describe('a network that blocks WebSockets', () => {
  it('is gone round by server-sent events, with everything as before', async () => {
    network.websocket = 'refused'
    const channel = connect().channel('room', { presenceKey: 'a' })
    const states: unknown[] = []
    channel.onPresence((state) => states.push(state))
    await channel.track({ here: true })
    await expect.poll(() => states.at(-1)).toEqual({ a: [{ here: true }] })
    expect(client.status).toBe('connected')
    expect(tried.slice(0, 2)).toEqual(['websocket', 'events'])
  })

  it.each<[string, true | EmbeddedOptions['fallback']]>([
    ['as a list', [SseSocket, PollSocket]],
    ['that are loaded when they are needed', true],
  ])('and streams is gone round by polling, with ways given %s', async (_how, fallback) => {
    network = { websocket: 'refused', events: 'refused', poll: 'open' }
    const channel = connect({ fallback: fallback ?? true }).channel('room', { presenceKey: 'a' })
    const states: unknown[] = []
    channel.onPresence((state) => states.push(state))
    await channel.track({ here: true })
    await expect.poll(() => states.at(-1)).toEqual({ a: [{ here: true }] })
    expect(tried.slice(0, 3)).toEqual(['websocket', 'events', 'poll'])
  })

  it.each([401, 429, 503] as const)('and whose gateway answers streams %i is gone round by polling', async (status) => {
    network = { websocket: 'refused', events: status, poll: 'open' }
    await connect().channel('room').ready
    expect(tried.slice(0, 3)).toEqual(['websocket', 'events', 'poll'])
    await expect.poll(() => client.status).toBe('connected')
  })

  it.each([
    ['no token', async () => (token = 'none'), 'REALTIME_TOKEN_REFUSED'],
    ['too many connections', () => fill(), 'REALTIME_RATE_LIMITED'],
  ])('and a server that itself refuses the stream for %s ask no other way', async (_why, prepare, code) => {
    network.websocket = 'refused'
    await prepare()
    const codes: unknown[] = []
    connect()
      .channel('room')
      .onError((error) => codes.push(Object(error).code))
    await expect.poll(() => codes).toContain(code)
    expect(tried.slice(0, 2)).toEqual(['websocket', 'events'])
    expect(tried).not.toContain('poll')
  })

  it('and collects streams is gone round by polling within seconds', { timeout: 15_000 }, async () => {
    network = { websocket: 'refused', events: 'mute', poll: 'open' }
    const from = performance.now()
    await connect().channel('room').ready
    expect(performance.now() - from).toBeLessThan(9000)
    expect(tried.slice(0, 3)).toEqual(['websocket', 'events', 'poll'])
  })

  it(
    'for two upgrades only, and swallows streams, costs seconds and not ten minutes',
    { timeout: 20_000 },
    async () => {
      network = { websocket: 'refused', events: 'mute', poll: 'open' }
      const channel = connect({ fallback: SseSocket }).channel('room')
      await vi.waitFor(() => expect(tried.filter((way) => way === 'websocket')).toHaveLength(2), 15_000)
      network.websocket = 'open'
      const from = performance.now()
      await channel.ready
      expect(performance.now() - from).toBeLessThan(8000)
    },
  )

  it('is left behind when it lets WebSockets through, without a loss of connection', async () => {
    const clock = createManualClock(Date.now())
    network.websocket = 'refused'
    const channel = connect({ clock, heartbeatMs: 900_000 }).channel('room')
    const heard: unknown[] = []
    channel.on('note', ({ n }) => heard.push(n))
    await channel.ready
    // It was tried when the stream had opened, too.
    await expect.poll(() => tried).toEqual(['websocket', 'events', 'websocket'])
    network.websocket = 'open'
    await clock.advance(600_000 - 1)
    expect(tried).toHaveLength(3)
    await clock.advance(1)
    // One to see whether it opens, and one that stays.
    await expect.poll(() => tried).toEqual(['websocket', 'events', 'websocket', 'websocket', 'websocket'])
    await expect.poll(() => realtime.stats().connections).toBe(1)
    await expect.poll(() => client.status).toBe('connected')
    realtime.publish({ topic: 'room', event: 'note', payload: { n: 1 }, private: false })
    await expect.poll(() => heard).toEqual([1])
  })

  it.each([
    ['streams', [SseSocket]],
    ['polling', [PollSocket]],
  ])(
    'is left behind, from %s, while much is said: all of it is taken, once and in order, and nobody is seen to go',
    async (_way, fallback) => {
      const clock = createManualClock(Date.now())
      network.websocket = 'refused'
      const other = createRealtime({
        driver: embedded({ url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1`, fallback }),
        getToken: () => signTestToken(jwtSecret, { sub: 'b' }),
      })
      const hears = other.channel('room', { presenceKey: 'b' })
      const heard: unknown[] = []
      const states: string[] = []
      hears.on('note', ({ n }) => heard.push(n))
      hears.onPresence((state) => states.push(Object.keys(state).join()))
      await hears.ready
      const channel = connect({ clock, heartbeatMs: 900_000, fallback }).channel('room', { presenceKey: 'a' })
      const own: unknown[] = []
      channel.on('note', ({ n }) => own.push(n))
      await channel.track({ here: true })
      await expect.poll(() => states.at(-1)).toBe('a')
      await expect.poll(() => tried.filter((way) => way === 'websocket').length).toBeGreaterThanOrEqual(2)
      states.length = 0
      tried = []
      network.websocket = 'open'
      const outcomes: Promise<unknown>[] = []
      const say = (): unknown => outcomes.push(channel.broadcast('note', { n: outcomes.length }))
      for (let round = 0; round < 20; round++) say()
      await clock.advance(600_000)
      while (realtime.stats().connections !== 2 || tried.length < 2 || outcomes.length < 100) {
        say()
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await Promise.all(outcomes)
      await expect.poll(() => heard).toEqual(outcomes.map((_each, n) => n))
      expect(own).toEqual([])
      expect(states.filter((keys) => !keys.split(',').includes('a'))).toEqual([])
      await other.close()
    },
  )

  it('was in truth a server that was away: its clients come back to WebSockets at once', async () => {
    network = { websocket: 'refused', events: 'refused', poll: 'refused' }
    const channel = connect().channel('room')
    await expect.poll(() => tried.length).toBeGreaterThanOrEqual(4)
    network = { websocket: 'open', events: 'open', poll: 'open' }
    await channel.ready
    // Whichever way opened first, the WebSocket is what it ends with.
    await expect.poll(() => tried.at(-1)).toBe('websocket')
    await expect.poll(() => client.status).toBe('connected')
    await expect.poll(() => realtime.stats().connections).toBe(1)
  })
})

describe('what opened last', () => {
  it('is tried first the next time', async () => {
    network = { websocket: 'refused', events: 'refused', poll: 'open' }
    const channel = connect().channel('room')
    await channel.ready
    await expect.poll(() => tried.length).toBe(4)
    tried = []
    let gaps = 0
    channel.onGap(() => (gaps += 1))
    realtime.disconnect({ sub: 'a' })
    await expect.poll(() => gaps).toBe(1)
    expect(tried[0]).toBe('poll')
  })

  it('is forgotten with the page', async () => {
    network.websocket = 'refused'
    await connect().channel('room').ready
    await client.close()
    network.websocket = 'open'
    tried = []
    await connect().channel('room').ready
    expect(tried).toEqual(['websocket'])
  })
})

it('closes what it tries in the background with the driver', async () => {
  network.websocket = 'refused'
  await connect().channel('room').ready
  network.websocket = 'mute'
  await client.close()
  await expect.poll(() => realtime.stats().connections).toBe(0)
})
