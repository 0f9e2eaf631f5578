import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus, type MemoryBus } from '../../bus/index.ts'
import { createRealtime, type Realtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { PollSocket } from '../../fallback/poll-socket.ts'
import { SseSocket } from '../../fallback/sse-socket.ts'
import { BUS_BACKENDS, type BusBackend } from '../../testing/bus-backends.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { createRealtimeServer, type RealtimeServer, type RealtimeServerOptions } from '../index.ts'

type Answer = 'whole' | 'lost' | 'cut' | 'taken and lost' | '503'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: RealtimeServer[] = []
const clients: Realtime[] = []
const balancers: Server[] = []
const reported: unknown[] = []
const clocks: ManualClock[] = []
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  const closing = Promise.all(servers.splice(0).map((server) => server.close()))
  for (const clock of clocks.splice(0)) await clock.advance(2000)
  await closing
  for (const http of balancers.splice(0)) {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  }
  reported.length = 0
})

async function serve(options: Partial<RealtimeServerOptions>): Promise<RealtimeServer> {
  const onError = (error: unknown): void => void reported.push(error)
  const limits = { perAccount: false, perAddress: false } as const
  const server = createRealtimeServer({ jwtSecret, authorize: () => true, limits, onError, ...options })
  servers.push(server)
  await server.ready
  return server
}

/** Sends each request to the next server, and does to the answers what `fates` says. */
async function balance(all: readonly RealtimeServer[]) {
  const fates: Answer[] = []
  const log: string[] = []
  let turn = 0
  const http = createServer(async (request, response) => {
    turn += 1
    const server = all[turn % all.length] as RealtimeServer
    log.push(`${request.method} ${(request.url ?? '').split('/')[3]} ${turn % all.length}`)
    const fate = /\/poll\/\w/.test(request.url ?? '') ? (fates.shift() ?? 'whole') : 'whole'
    if (fate === 'lost') return void request.socket.destroy()
    if (fate === '503') return void response.writeHead(503).end()
    if (fate === 'whole') return void server.handleIncoming(request, response)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const { method = 'GET' } = request
    const body = method === 'POST' ? { body: Buffer.concat(chunks) } : {}
    const answer = await server.handleRequest(new Request(`http://x${request.url}`, { method, ...body }))
    const text = (await answer?.text()) ?? ''
    if (fate === 'taken and lost') return void request.socket.destroy()
    response.writeHead(answer?.status ?? 500).end(text.slice(0, Math.ceil(text.length * 0.7)))
  })
  balancers.push(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1`, fates, log }
}
async function connect(url: string, sub: string, socket = PollSocket): Promise<Realtime> {
  const token = await signTestToken(jwtSecret, { sub })
  const client = createRealtime({ driver: embedded({ url, WebSocket: socket }), getToken: () => token })
  clients.push(client)
  return client
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

describe.each(Object.keys(BUS_BACKENDS))('two servers behind a balancer that alternates, on %s', (name) => {
  let backend: BusBackend
  beforeAll(async () => {
    backend = await (BUS_BACKENDS[name] as () => Promise<BusBackend>)()
  }, 60_000)
  afterAll(() => backend.close())
  const two = async () => {
    const both = [await serve({ bus: backend.create() }), await serve({ bus: backend.create() })] as const
    await expect.poll(() => both.map((server) => server.stats().bus?.others)).toEqual([1, 1])
    return { both, ...(await balance(both)) }
  }

  it('lose nothing and repeat nothing of what polls bring, whatever becomes of the answers', async () => {
    const { both, url, fates } = await two()
    const channel = (await connect(url, 'a')).channel('room')
    const heard: unknown[] = []
    let gaps = 0
    channel.on('note', ({ n }) => heard.push(n))
    channel.onGap(() => (gaps += 1))
    await channel.ready
    fates.push('cut', 'lost', 'taken and lost', '503', 'cut', 'whole', 'lost')
    for (const n of upTo(100)) {
      ;(n % 2 ? both[0] : both[1]).publish({ topic: 'room', event: 'note', payload: { n }, private: false })
      if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 30))
    }
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(100)
    // In the order of each of the two that publish.
    for (const of of [0, 1]) {
      const isTheirs = (n: unknown): boolean => Number(n) % 2 === of
      expect(heard.filter(isTheirs)).toEqual(upTo(100).filter(isTheirs))
    }
    expect(gaps).toBe(0)
    await expect.poll(() => fates).toEqual([])
  }, 30_000)

  it('take each message of a polling client once, also when the answer to it is lost', async () => {
    const { url, fates } = await two()
    const [alice, bob] = [(await connect(url, 'a')).channel('room'), (await connect(url, 'b')).channel('room')]
    const heard: unknown[] = []
    bob.on('note', ({ n }) => heard.push(n))
    await Promise.all([alice.ready, bob.ready])
    for (const n of upTo(5)) {
      fates.push('taken and lost', 'lost', 'taken and lost')
      await alice.broadcast('note', { n })
    }
    await expect.poll(() => heard).toEqual(upTo(5))
  }, 30_000)

  it('take the frames of an event stream wherever they come', async () => {
    const { both, url, log } = await two()
    const [alice, bob] = [
      (await connect(url, 'a', SseSocket)).channel('room'),
      (await connect(url, 'b', SseSocket)).channel('room'),
    ]
    const heard: unknown[] = []
    bob.on('note', ({ n }) => heard.push(n))
    await Promise.all([alice.ready, bob.ready])
    for (const n of upTo(20)) await alice.broadcast('note', { n })
    await expect.poll(() => heard).toEqual(upTo(20))
    expect(new Set(log.filter((line) => line.startsWith('POST'))).size).toBe(2)
    expect(both[0].stats().connections + both[1].stats().connections).toBe(2)
    expect(reported).toEqual([])
  }, 30_000)
})

/** Until this has settled. */
async function advanceUntil(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  void work.then(() => done.abort())
  for (; !done.signal.aborted; await new Promise((resolve) => setImmediate(resolve))) await clock.advance(100)
}

describe('a request that another server has to answer', () => {
  const two = async (options: Partial<RealtimeServerOptions> = {}) => {
    const hub = createMemoryBusHub()
    const clock = createManualClock(Date.now())
    clocks.push(clock)
    const buses = [memoryBus(hub), memoryBus(hub)] as [MemoryBus, MemoryBus]
    const both = [
      await serve({ bus: buses[0], clock, ...options }),
      await serve({ bus: buses[1], clock, ...options }),
    ] as const
    await expect.poll(() => both.map((server) => server.stats().bus?.others)).toEqual([1, 1])
    return { hub, clock, buses, both }
  }
  const open = async (server: RealtimeServer, sub = 'a'): Promise<string> => {
    const authorization = `Bearer ${await signTestToken(jwtSecret, { sub })}`
    const request = new Request('http://x/realtime/v1/poll', { method: 'POST', headers: { authorization } })
    const answer = (await server.handleRequest(request)) as Response
    return ((await answer.json()) as { session: string }).session
  }
  const poll = async (server: RealtimeServer, session: string, search = '?ack=0'): Promise<Response> =>
    (await server.handleRequest(new Request(`http://x/realtime/v1/poll/${session}${search}`))) as Response
  const send = async (server: RealtimeServer, session: string, body: string, search = '?from=1'): Promise<Response> =>
    (await server.handleRequest(
      new Request(`http://x/realtime/v1/poll/${session}${search}`, { method: 'POST', body }),
    )) as Response
  const join = JSON.stringify(['1', '1', 'realtime:room', 'phx_join', { config: {} }])

  it('is answered 410 when that server has ended, and when it was killed', async () => {
    const { clock, both } = await two()
    const ofFirst = await open(both[0])
    expect((await send(both[1], ofFirst, join)).status).toBe(202)
    const closing = both[0].close()
    await clock.advance(1000)
    await closing
    expect((await poll(both[1], ofFirst)).status).toBe(410)
    // One that is killed says no goodbye; what waits for it does not wait for long.
    const { both: others, clock: time, buses: cut } = await two()
    const session = await open(others[0])
    const waiting = poll(others[1], session)
    cut[0].cut()
    for (let second = 0; second < 16; second++) await time.advance(1000)
    expect((await waiting).status).toBe(410)
    expect((await poll(others[1], session)).status).toBe(410)
  })

  it('is answered 503 while the bus is away, and goes on where it was', async () => {
    const { clock, buses, both } = await two()
    const session = await open(both[0])
    expect((await send(both[1], session, join)).status).toBe(202)
    buses[1].cut()
    const lost = poll(both[1], session)
    for (let second = 0; second < 3; second++) await clock.advance(1000)
    const late = poll(both[1], session)
    await clock.advance(1)
    expect((await late).status).toBe(503)
    buses[1].mend()
    expect((await lost).status).toBe(503)
    await clock.advance(5000)
    const text = poll(both[1], session)
    await advanceUntil(clock, text)
    expect(await (await text).text()).toContain('"from":1}\n["1","1","realtime:room","phx_reply"')
  })

  it('is of nobody who does not know the whole name of the session', async () => {
    const { both } = await two()
    const session = await open(both[0])
    const [owner = '', secret = ''] = session.split('.')
    const other = secret.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
    const names = [
      `${owner}.${other}`,
      `${owner}.`,
      owner,
      secret,
      `${'0'.repeat(16)}.${secret}`,
      `${owner}..${secret}`,
    ]
    for (const name of names) {
      const answer = await Promise.race([poll(both[1], name), new Promise((resolve) => setTimeout(resolve, 50))])
      // A server that nobody knows may not have been heard yet.
      if (answer instanceof Response) expect(answer.status).toBe(410)
      expect((await send(both[0], `${owner}.${other}`, join)).status).toBe(410)
    }
    expect(both[0].stats().joins).toBe(0)
  })

  it('is bounded as it would be there: by its size, its address and its account', async () => {
    const { both } = await two({
      limits: { frameBytes: 2000, perAddress: { requestsPerMinute: 5 }, perAccount: { requestsPerMinute: 3 } },
    })
    const session = await open(both[0])
    expect((await send(both[1], session, 'x'.repeat(2001))).status).toBe(413)
    // The session was the account's first request; what is too large was not read by the server that counts for it.
    expect((await send(both[1], session, join)).status).toBe(202)
    expect((await send(both[1], session, join)).status).toBe(202)
    const refused = await send(both[1], session, join)
    expect([refused.status, refused.headers.has('retry-after')]).toEqual([429, true])
  })

  it('carries nothing that whoever listens on the bus could use', async () => {
    const { hub, both } = await two()
    const captured: string[] = []
    await memoryBus(hub).start({ onMessage: (text) => captured.push(text), onGap() {}, onError() {} })
    const session = await open(both[0])
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const frame = JSON.stringify(['1', '1', 'realtime:room', 'phx_join', { access_token: token, config: {} }])
    expect((await send(both[1], session, frame)).status).toBe(202)
    await expect.poll(() => captured.join('')).toContain('"kind":"answer"')
    for (const secret of [session, session.split('.')[1] as string, token])
      expect(captured.join('')).not.toContain(secret)
  })

  it('brings what is much in several answers, each once', async () => {
    const { clock, both } = await two()
    const session = await open(both[0])
    await send(both[1], session, join)
    const payload = { text: 'x'.repeat(60_000) }
    for (const n of upTo(20))
      both[0].publish({ topic: 'room', event: 'note', payload: { n, ...payload }, private: false })
    const heard: unknown[] = []
    for (let ack = 0, answers = 0; heard.length < 20 && answers < 20; answers++) {
      const polled = poll(both[1], session, `?ack=${ack}`)
      await advanceUntil(clock, polled)
      const text = await (await polled).text()
      expect(text.length).toBeLessThan(300_000)
      const [head = '', ...lines] = text.split('\n').slice(0, -1)
      const { from } = JSON.parse(head) as { from: number }
      expect(from).toBe(ack + 1)
      ack += lines.length
      for (const line of lines) {
        const [, , , event, said] = JSON.parse(line) as [unknown, unknown, unknown, string, { payload: { n: number } }]
        if (event === 'broadcast') heard.push(said.payload.n)
      }
    }
    expect(heard).toEqual(upTo(20))
  })

  it('brings a message that is larger than what goes over the bus at once, and ends for one that is too large for it', async () => {
    const { clock, both } = await two({
      limits: { perAccount: false, perAddress: false, bufferedBytes: 64 * 1024 * 1024 },
    })
    const session = await open(both[0])
    await send(both[1], session, join)
    // Of four bytes each, of which none is cut.
    const text = `${'x'.repeat(1_500_001)}${'🎧'.repeat(300_000)}`
    await both[0].publish({ topic: 'room', event: 'note', payload: { text }, private: false })
    const ask = async (ack: number): Promise<string[]> => {
      const polled = poll(both[1], session, `?ack=${ack}`)
      await advanceUntil(clock, polled)
      return (await (await polled).text()).split('\n').slice(0, -1)
    }
    expect((await ask(0)).length).toBe(2)
    const [head = '', line = ''] = await ask(1)
    expect(JSON.parse(head)).toEqual({ from: 2 })
    expect((JSON.parse(line) as { payload: object }[])[4]?.payload).toEqual({ text })
    await both[0].publish({ topic: 'room', event: 'note', payload: { text: 'x'.repeat(9_000_000) }, private: false })
    const end = { code: 1009, reason: 'A message is too large to be handed on' }
    // The other server has missed it as well, upon which a question is to be asked again.
    let answer = await ask(2)
    for (let n = 0; n < 5 && answer.length === 0; n++) answer = await ask(2)
    expect(answer.map((each) => JSON.parse(each) as unknown)).toEqual([{ from: 3, end }])
  })
})
