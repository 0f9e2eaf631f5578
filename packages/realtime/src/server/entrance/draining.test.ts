import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PGlite } from '@electric-sql/pglite'
import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { deferred } from '../../base/promises.ts'
import { createMemoryBusHub, memoryBus } from '../../bus/index.ts'
import { createRealtime, type Realtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { PollSocket } from '../../fallback/poll-socket.ts'
import { SseSocket } from '../../fallback/sse-socket.ts'
import type { SocketConstructor } from '../../phoenix/phoenix-socket.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import {
  createRealtimeServer,
  feedMigration,
  feedSource,
  realtimeSchema,
  startRealtimeServer,
  type RealtimeServer,
  type RealtimeServerOptions,
  type StandaloneServer,
} from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const clients: Realtime[] = []
const sockets: RawSocket[] = []
const closing: (() => Promise<unknown>)[] = []
const reported: unknown[] = []
const onError = (error: unknown): void => void reported.push(error)
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const close of closing.splice(0).toReversed()) await close()
  reported.length = 0
})

/** Leads each connection and request to a server whose health is 200, in turn. */
async function balance(all: readonly RealtimeServer[]): Promise<string> {
  let turn = 0
  const pick = async (): Promise<RealtimeServer> => {
    turn += 1
    for (let n = 0; n < all.length; n++) {
      const server = all[(turn + n) % all.length] as RealtimeServer
      if ((await server.handleRequest(new Request('http://x/realtime/v1/health')))?.ok) return server
    }
    return all[0] as RealtimeServer
  }
  const http: Server = createServer((request, response) => {
    void pick().then((server) => server.handleIncoming(request, response))
  })
  http.on('upgrade', (request, socket, head) => {
    void pick().then((server) => server.handleUpgrade(request, socket, head))
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  closing.push(() => {
    http.closeAllConnections()
    return new Promise((resolve) => http.close(resolve))
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1`
}
function connect(url: string, sub: string, socket?: SocketConstructor): Realtime {
  const driver = embedded({ url, ...(socket && { WebSocket: socket }) })
  const client = createRealtime({ driver, getToken: () => signTestToken(jwtSecret, { sub }), onError })
  clients.push(client)
  return client
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

describe('a server that is drained', () => {
  it('answers what a client has said before it tells it to go, and takes nothing more of it', async () => {
    const [asked, answer] = [deferred<void>(), deferred<boolean>()]
    const server = await startRealtimeServer({
      jwtSecret,
      authorize({ action }) {
        if (action !== 'write') return true
        asked.resolve()
        return answer.promise
      },
    })
    closing.push(() => server.close())
    const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'ana' }))
    sockets.push(socket)
    await socket.ask('realtime:t', 'phx_join', { config: { private: true, broadcast: { ack: true } } })
    const said = socket.ask('realtime:t', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
    await asked.promise
    const drained = server.drain({ overMs: 0 })
    let isLate = false
    void socket.ask('phoenix', 'heartbeat').then(() => (isLate = true))
    // A topic goes on for the application.
    await server.publish({ topic: 't', event: 'last', payload: {}, private: true })
    await expect.poll(() => socket.heard.length).toBe(1)
    answer.resolve(true)
    expect((await said).status).toBe('ok')
    expect((await socket.ended)[0]).toBe(1012)
    await drained
    expect(isLate).toBe(false)
  })

  it('waits no longer than a second for an answer', async () => {
    const clock = createManualClock(Date.now())
    const asked = deferred<void>()
    const server = await startRealtimeServer({
      jwtSecret,
      clock,
      authorize({ action }) {
        if (action !== 'write') return true
        asked.resolve()
        return new Promise(() => undefined)
      },
    })
    closing.push(() => server.close())
    const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'ana' }))
    sockets.push(socket)
    await socket.ask('realtime:t', 'phx_join', { config: { private: true } })
    socket.say('realtime:t', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
    await asked.promise
    void server.drain({ overMs: 0 })
    await clock.advance(999)
    expect(server.stats().connections).toBe(1)
    await clock.advance(1)
    expect((await socket.ended)[0]).toBe(1012)
  })

  it('is done where one that it waited for has gone by itself', async () => {
    const clock = createManualClock(Date.now())
    const asked = deferred<void>()
    const server = await startRealtimeServer({
      jwtSecret,
      clock,
      authorize({ action }) {
        if (action !== 'write') return true
        asked.resolve()
        return new Promise(() => undefined)
      },
    })
    closing.push(() => server.close())
    const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'ana' }))
    await socket.ask('realtime:t', 'phx_join', { config: { private: true } })
    socket.say('realtime:t', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
    await asked.promise
    const drained = server.drain({ overMs: 0 })
    await clock.advance(0)
    socket.socket.terminate()
    await expect.poll(() => server.stats().connections).toBe(0)
    await clock.advance(1000)
    await drained
  })

  it('hands its clients over, who lose nothing of feeds and kept channels while others write', async () => {
    const client = await PGlite.create('memory://')
    closing.push(() => client.close())
    await client.exec(`${realtimeSchema()}; create table items (id int primary key, owner text);`)
    await client.exec(feedMigration([{ table: 'items', owner: 'owner' }]))
    const hub = createMemoryBusHub()
    const serve = async (): Promise<RealtimeServer> => {
      const server = createRealtimeServer({
        jwtSecret,
        authorize: () => true,
        feeds: feedSource({ client }),
        bus: memoryBus(hub),
        history: [{ topics: 'room:*', messages: 1000 }],
        limits: { perAccount: false, perAddress: false },
        onError,
      })
      closing.push(() => server.close())
      await server.ready
      return server
    }
    const both = [await serve(), await serve()] as const
    await expect.poll(() => both.map((server) => server.stats().bus?.others)).toEqual([1, 1])
    const url = await balance(both)

    const rows = new Map<string, unknown[]>()
    const notes = new Map<string, unknown[]>()
    let gaps = 0
    const ways = { WebSocket: undefined, SSE: SseSocket, polling: PollSocket }
    const channels = Object.entries(ways).flatMap(([way, socket]) =>
      [1, 2].map((n) => {
        const name = `${way} ${n}`
        const own = connect(url, name, socket)
        const [heardRows, heardNotes]: [unknown[], unknown[]] = [[], []]
        rows.set(name, heardRows)
        notes.set(name, heardNotes)
        own.feed<{ id: number }>(
          'items',
          'all',
          ({ data }) => heardRows.push(data.id),
          () => (gaps += 1),
        )
        const channel = own.channel('room:1', { history: true, presenceKey: name })
        channel.on('note', ({ n: number }) => heardNotes.push(number))
        channel.onGap(() => (gaps += 1))
        return { name, channel }
      }),
    )
    const watcher = connect(url, 'watcher').channel('room:1', { history: true, presenceKey: 'watcher' })
    await Promise.all([watcher.ready, ...channels.map(({ channel }) => channel.ready)])
    for (const { channel } of channels) await channel.track({})
    const names = channels.map(({ name }) => name).toSorted()
    const present: string[][] = []
    watcher.onPresence((state) => present.push(Object.keys(state).toSorted()))
    await expect.poll(() => present.at(-1), { timeout: 5000 }).toEqual(names)
    present.length = 0
    await expect.poll(() => both[0].stats().connections).toBeGreaterThan(2)

    const drained = both[0].drain({ overMs: 1000 })
    const over = new AbortController()
    void drained.then(() => over.abort())
    let written = 0
    while (!over.signal.aborted || written < 100) {
      written += 1
      await client.query('insert into items values ($1, $2)', [written, 'all'])
      await both[written % 2 ? 0 : 1].publish({
        topic: 'room:1',
        event: 'note',
        payload: { n: written },
        private: false,
      })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    expect(both[0].stats().connections).toBe(0)
    await both[0].close()
    for (const { name } of channels) {
      await expect.poll(() => [name, rows.get(name)?.length], { timeout: 10_000 }).toEqual([name, written])
      await expect.poll(() => [name, notes.get(name)?.length], { timeout: 10_000 }).toEqual([name, written])
      expect(rows.get(name)).toEqual(upTo(written))
      expect(notes.get(name)).toEqual(upTo(written))
    }
    expect(gaps).toBe(0)
    // Nobody was seen to go. The watcher's own connection, where it was handed over, begins with what the other server knows.
    expect(present.filter((keys) => names.some((name) => !keys.includes(name)))).toEqual([])
    expect(reported).toEqual([])
  }, 60_000)

  const start = async (options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> => {
    const limits = { perAccount: false, perAddress: false } as const
    const server = await startRealtimeServer({ jwtSecret, authorize: () => true, limits, onError, ...options })
    closing.push(() => server.close())
    return server
  }
  const open = async (server: StandaloneServer, sub = 'ana'): Promise<RawSocket> => {
    const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }))
    sockets.push(socket)
    return socket
  }

  it('lets nobody in at any door, says when to come again, and is unhealthy', async () => {
    const server = await start()
    const ana = await open(server)
    void server.drain({ overMs: 60_000, afterMs: 60_000 })
    const authorization = `Bearer ${await signTestToken(jwtSecret, { sub: 'bo' })}`
    for (const [method, path] of [
      ['GET', 'health'],
      ['GET', 'events'],
      ['GET', 'events?topic=t'],
      ['POST', 'poll'],
    ] as const) {
      const answer = await fetch(`${server.url}/realtime/v1/${path}`, { method, headers: { authorization } })
      expect([path, answer.status, answer.headers.get('retry-after')]).toEqual([path, 503, '1'])
      await answer.body?.cancel()
    }
    await expect(open(server, 'bo')).rejects.toThrow('503')
    // Who is there goes on.
    expect(await ana.ask('realtime:t', 'phx_join', { config: {} })).toMatchObject({ status: 'ok' })
  })

  it('tells those who are there to come back at once, spread over the time, and waits for no one who stays', async () => {
    const clock = createManualClock(Date.now())
    const server = await start({ clock })
    const all = await Promise.all(upTo(20).map((n) => open(server, `user ${n}`)))
    const [first] = all as [RawSocket]
    await first.ask('realtime:t', 'phx_join', { config: { presence: { enabled: true } } })
    await first.ask('realtime:t', 'presence', { type: 'presence', event: 'track', payload: {} })
    // It reads no more, and so it will not say goodbye.
    first.socket.pause()
    let isOver = false
    void server.drain({ overMs: 10_000, afterMs: 2000 }).then(() => (isOver = true))
    await clock.advance(1999)
    expect(server.stats().connections).toBe(20)
    for (const [ms, left] of [
      [2501, 15],
      [2500, 10],
      [5000, 0],
    ] as const) {
      for (let step = 0; step < ms; step += 100) await clock.advance(Math.min(100, ms - step))
      expect(Math.abs(server.stats().connections - left)).toBeLessThanOrEqual(1)
    }
    expect(await all[19]?.ended).toEqual([1012, 'Service restart; spread=0'])
    expect(isOver).toBe(false)
    await clock.advance(5000)
    expect(isOver).toBe(true)
    expect(server.stats().connections).toBe(0)
  })

  it('is over at once where nobody is, begins once, and ends with the server', async () => {
    const [empty, other] = [await start(), await start()]
    await empty.drain()
    await open(other)
    const drained = other.drain({ afterMs: 60_000 })
    const again = other.drain({ overMs: 1 })
    await other.close()
    await Promise.all([drained, again])
    await expect(empty.drain({ overMs: -1 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })
})
