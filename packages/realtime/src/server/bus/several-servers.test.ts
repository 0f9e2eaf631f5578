import { createManualClock } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus, publishing, type MemoryBus, type RealtimeBus } from '../../bus/index.ts'
import { createRealtime, type Realtime } from '../../create-realtime.ts'
import { hubs } from '../../client/hub.ts'
import { embedded } from '../../drivers/embedded.ts'
import { BUS_BACKENDS, type BusBackend } from '../../testing/bus-backends.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
const clients: Realtime[] = []
const reported: unknown[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
  reported.length = 0
})

async function serve(bus: RealtimeBus, options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const onError = (error: unknown): void => void reported.push(error)
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, bus, onError, ...options })
  servers.push(server)
  await server.ready
  return server
}
async function open(server: StandaloneServer, sub: string): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub, session_id: `session of ${sub}` }))
  sockets.push(socket)
  return socket
}
const join = (socket: RawSocket, topic = 't'): Promise<unknown> =>
  socket.ask(`realtime:${topic}`, 'phx_join', { config: { presence: { enabled: true } } })
const joined = async (server: StandaloneServer, sub: string): Promise<RawSocket> => {
  const socket = await open(server, sub)
  await join(socket)
  return socket
}
const say = (socket: RawSocket, event: string, payload: object): void =>
  socket.say('realtime:t', 'broadcast', { type: 'broadcast', event, payload })
const track = (socket: RawSocket, payload: object = {}): Promise<unknown> =>
  socket.ask('realtime:t', 'presence', { type: 'presence', event: 'track', payload })
const heardOf = ({ heard }: RawSocket, event: string): unknown[] =>
  heard.flatMap(([, kind, payload]) => {
    const said = payload as { event: string; payload: { n: unknown } }
    return kind === 'broadcast' && said.event === event ? [said.payload.n] : []
  })
/** Who is there, as this one was told. */
function present({ heard }: RawSocket): string[] {
  const metas = new Map<string, string>()
  const add = (state: object): void => {
    for (const [key, { metas: list }] of Object.entries(state) as [string, { metas: { phx_ref: string }[] }][]) {
      for (const { phx_ref: ref } of list) metas.set(ref, key)
    }
  }
  for (const [, event, payload] of heard) {
    if (event === 'presence_state') {
      metas.clear()
      add(payload as object)
    }
    if (event !== 'presence_diff') continue
    const { joins, leaves } = payload as { joins: object; leaves: Record<string, { metas: { phx_ref: string }[] }> }
    add(joins)
    for (const { metas: list } of Object.values(leaves)) for (const { phx_ref: ref } of list) metas.delete(ref)
  }
  return [...metas.values()].toSorted()
}
const gaps = ({ heard }: RawSocket): number => heard.filter(([, event]) => event === 'phx_error').length

describe.each(Object.keys(BUS_BACKENDS))('several servers on %s', (name) => {
  let backend: BusBackend
  beforeAll(async () => {
    backend = await (BUS_BACKENDS[name] as () => Promise<BusBackend>)()
  }, 60_000)
  afterAll(() => backend.close())

  it('bring broadcasts to the members of all of them, once and in the order of their sender', async () => {
    const [one, two, three] = [
      await serve(backend.create()),
      await serve(backend.create()),
      await serve(backend.create()),
    ]
    const [a, b, c, d] = [
      await joined(one, 'a'),
      await joined(two, 'b'),
      await joined(three, 'c'),
      await joined(one, 'd'),
    ]
    const count = 500
    for (let n = 0; n < count; n++) {
      one.publish({ topic: 't', event: 'one', payload: { n }, private: false })
      two.publish({ topic: 't', event: 'two', payload: { n }, private: false })
      if (n % 50 === 49) await new Promise((resolve) => setImmediate(resolve))
    }
    say(a, 'note', { n: 1 })
    const all = Array.from({ length: count }, (_, n) => n)
    for (const socket of [a, b, c, d]) {
      await expect.poll(() => heardOf(socket, 'one').length, { timeout: 10_000 }).toBe(count)
      await expect.poll(() => heardOf(socket, 'two').length, { timeout: 10_000 }).toBe(count)
      expect(heardOf(socket, 'one')).toEqual(all)
      expect(heardOf(socket, 'two')).toEqual(all)
    }
    for (const socket of [b, c, d]) await expect.poll(() => heardOf(socket, 'note')).toEqual([1])
    expect(heardOf(a, 'note')).toEqual([])
    expect([a, b, c, d].map(gaps)).toEqual([0, 0, 0, 0])
    expect(reported).toEqual([])
  }, 30_000)

  it('see who is present on each of them, whoever came first', async () => {
    const one = await serve(backend.create())
    const ana = await joined(one, 'ana')
    await track(ana, { n: 1 })
    const two = await serve(backend.create())
    const bo = await joined(two, 'bo')
    await expect.poll(() => present(bo)).toEqual(['ana'])
    await track(bo)
    await expect.poll(() => present(ana)).toEqual(['ana', 'bo'])
    await track(ana, { n: 2 })
    const late = await joined(two, 'late')
    await expect.poll(() => present(late)).toEqual(['ana', 'bo'])
    await expect.poll(() => JSON.stringify(bo.heard)).toContain('"n":2')
    expect(present(bo)).toEqual(['ana', 'bo'])
    bo.socket.terminate()
    await expect.poll(() => present(ana)).toEqual(['ana'])
    // One that ends says so.
    await one.close()
    await expect.poll(() => present(late)).toEqual([])
  }, 30_000)

  it('end connections and memberships wherever they are, within a second', async () => {
    const [one, two] = [await serve(backend.create()), await serve(backend.create())]
    const [ana, bo, cy] = [await joined(two, 'ana'), await joined(two, 'bo'), await joined(two, 'cy')]
    expect(one.kick({ topic: 't', sub: 'ana', forMs: 60_000 })).toBe(0)
    await expect.poll(() => ana.heard.some(([, event]) => event === 'phx_close')).toBe(true)
    expect(await join(ana)).toMatchObject({ msc: { code: 'FORBIDDEN' } })
    expect(one.disconnect({ sessionId: 'session of bo' }, 'signed out')).toBe(0)
    expect(await bo.ended).toEqual([1008, 'signed out'])
    expect(one.revoke({ sub: 'cy' })).toBe(0)
    expect(await cy.ended).toEqual([1008, 'Revoked'])
    // A token of before opens nothing there any more.
    await expect(open(two, 'cy')).rejects.toThrow('401')
  }, 30_000)

  it('tell a server that starts later whose tokens were taken back, and who is kept out of where', async () => {
    const one = await serve(backend.create())
    one.revoke({ sub: 'cy' })
    one.revoke({ sessionId: 'session of di' })
    one.kick({ topic: 't', sub: 'ana', forMs: Infinity })
    one.kick({ topic: 'u', sub: 'bo', forMs: 60_000 })
    const two = await serve(backend.create())
    for (const user of ['cy', 'di']) {
      await expect.poll(() => open(two, user).then(({ socket }) => socket.terminate(), String)).toMatch(/401/)
    }
    const ana = await open(two, 'ana')
    expect(await join(ana)).toMatchObject({ msc: { code: 'FORBIDDEN' } })
    const bo = await joined(two, 'bo')
    expect(await join(bo, 'u')).toMatchObject({ msc: { code: 'FORBIDDEN' } })
  }, 30_000)

  it('hear what a process without a server publishes', async () => {
    const [one, two] = [await serve(backend.create()), await serve(backend.create())]
    const [a, b] = [await joined(one, 'a'), await joined(two, 'b')]
    // As in a process of its own.
    hubs().clear()
    const bus = publishing(backend.create(), { jwtSecret })
    const worker = createRealtime({ driver: embedded({ bus }), getToken: () => undefined })
    clients.push(worker)
    await Promise.all([1, 2, 3].map((n) => worker.publish('t', 'job', { n })))
    for (const socket of [a, b]) await expect.poll(() => heardOf(socket, 'job')).toEqual([1, 2, 3])
    await bus.close()
  }, 30_000)
})

describe('while the bus is away', () => {
  const two = async (clock = createManualClock(Date.now())) => {
    const hub = createMemoryBusHub()
    const buses: MemoryBus[] = [memoryBus(hub), memoryBus(hub)]
    const made = [await serve(buses[0] as MemoryBus, { clock }), await serve(buses[1] as MemoryBus, { clock })]
    return { clock, buses: buses as [MemoryBus, MemoryBus], servers: made as [StandaloneServer, StandaloneServer] }
  }

  it('a server that was cut off is taken out after 15 s, and its members come back with it', async () => {
    const { clock, buses, servers: both } = await two()
    const [ana, bo] = [await joined(both[0], 'ana'), await joined(both[1], 'bo')]
    await track(ana)
    await track(bo)
    await expect
      .poll(() => [present(ana), present(bo)])
      .toEqual([
        ['ana', 'bo'],
        ['ana', 'bo'],
      ])
    buses[0].cut()
    for (let second = 0; second < 14; second++) await clock.advance(1000)
    expect(present(bo)).toEqual(['ana', 'bo'])
    for (let second = 0; second < 6; second++) await clock.advance(1000)
    await expect.poll(() => present(bo)).toEqual(['bo'])
    await expect.poll(() => present(ana)).toEqual(['ana'])
    buses[0].mend()
    for (let second = 0; second < 6; second++) await clock.advance(1000)
    await expect.poll(() => present(bo)).toEqual(['ana', 'bo'])
    await expect.poll(() => present(ana)).toEqual(['ana', 'bo'])
  })

  it('a server that was killed is taken out after 15 s', async () => {
    const { clock, buses, servers: both } = await two()
    const [ana, bo] = [await joined(both[0], 'ana'), await joined(both[1], 'bo')]
    await track(ana)
    await expect.poll(() => present(bo)).toEqual(['ana'])
    // It says no goodbye, and never comes back.
    buses[0].cut()
    for (let second = 0; second < 20; second++) await clock.advance(1000)
    await expect.poll(() => present(bo)).toEqual([])
    expect(both[1].stats().bus?.others).toBe(0)
    expect(gaps(bo)).toBe(0)
    const closing = both[0].close()
    for (let second = 0; second < 3; second++) await clock.advance(1000)
    await closing
  })

  it('its sender is answered at once, whatever the bus does', async () => {
    const hub = createMemoryBusHub()
    const bus = { ...memoryBus(hub), send: () => new Promise<void>(() => undefined) }
    const server = await serve(bus)
    const ana = await open(server, 'ana')
    await ana.ask('realtime:t', 'phx_join', { config: { broadcast: { ack: true } } })
    const said = { type: 'broadcast', event: 'note', payload: {} }
    expect(await ana.ask('realtime:t', 'broadcast', said)).toMatchObject({ status: 'ok' })
  })

  it('broadcasts wait, and arrive once when it is back soon', async () => {
    const { clock, buses, servers: both } = await two()
    const [ana, bo] = [await joined(both[0], 'ana'), await joined(both[1], 'bo')]
    buses[0].cut()
    for (let n = 0; n < 5; n++) say(ana, 'note', { n })
    await expect.poll(() => both[0].stats().broadcasts).toBe(5)
    await clock.advance(1000)
    expect(both[0].stats().bus).toMatchObject({ failing: true, dropped: 0 })
    expect(heardOf(bo, 'note')).toEqual([])
    buses[0].mend()
    await clock.advance(2000)
    await expect.poll(() => heardOf(bo, 'note')).toEqual([0, 1, 2, 3, 4])
    expect(gaps(bo)).toBe(0)
    // It may have missed what the other said.
    await expect.poll(() => gaps(ana)).toBe(1)
    // Once for the outage, and what the bus said itself.
    expect(reported.length).toBe(2)
  })

  it('what is dropped is told to the members of the others, and revocations are not dropped', async () => {
    const { clock, buses, servers: both } = await two()
    const [ana, bo, cy] = [await joined(both[0], 'ana'), await joined(both[1], 'bo'), await joined(both[1], 'cy')]
    buses[0].cut()
    say(ana, 'note', { n: 1 })
    await expect.poll(() => both[0].stats().broadcasts).toBe(1)
    both[0].revoke({ sub: 'cy' })
    for (let second = 0; second < 14; second++) await clock.advance(1000)
    expect(both[0].stats().bus?.dropped).toBeGreaterThan(0)
    buses[0].mend()
    await clock.advance(2000)
    expect(await cy.ended).toEqual([1008, 'Revoked'])
    await expect.poll(() => gaps(bo)).toBe(1)
    expect(heardOf(bo, 'note')).toEqual([])
  })

  it('whoever was ended meanwhile is ended, but none who has come since, and who is kept out is for what is left', async () => {
    const { clock, buses, servers: both } = await two()
    const [ana, bo, cy] = [await joined(both[1], 'ana'), await joined(both[1], 'bo'), await joined(both[1], 'cy')]
    const isOut = ({ heard }: RawSocket): boolean => heard.some(([, event]) => event === 'phx_close')
    await clock.advance(1)
    buses[0].cut()
    both[0].kick({ topic: 't', sub: 'ana', forMs: 20_000 })
    both[0].kick({ topic: 't', sub: 'bo' })
    both[0].disconnect({ sub: 'cy' }, 'Signed out')
    for (let second = 0; second < 14; second++) await clock.advance(1000)
    const [back, again] = [await joined(both[1], 'bo'), await joined(both[1], 'cy')]
    await clock.advance(1)
    buses[0].mend()
    await clock.advance(1000)
    expect(await cy.ended).toEqual([1008, 'Signed out'])
    await expect.poll(() => [ana, bo].map(isOut)).toEqual([true, true])
    expect(await join(ana)).toMatchObject({
      msc: { code: 'FORBIDDEN', retry_after_ms: expect.toSatisfy((ms) => ms < 6000) },
    })
    for (const each of [back, again]) expect(await each.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
    expect(isOut(back)).toBe(false)
    await clock.advance(6000)
    expect(await join(ana)).toMatchObject({ status: 'ok' })
  })

  it('our clients join again and say that something may be missing', async () => {
    const { clock, buses, servers: both } = await two()
    const client = createRealtime({
      driver: embedded({ url: `${both[1].url}/realtime/v1` }),
      getToken: () => signTestToken(jwtSecret, { sub: 'ana' }),
      random: () => 0,
    })
    clients.push(client)
    const missed: number[] = []
    const heard: unknown[] = []
    const channel = client.channel('t')
    channel.onGap(() => missed.push(1))
    channel.on('note', (payload) => heard.push(payload))
    await channel.ready
    buses[1].cut()
    buses[1].mend()
    await clock.advance(1)
    await expect.poll(() => missed).toEqual([1])
    await channel.ready
    both[0].publish({ topic: 't', event: 'note', payload: { n: 1 }, private: false })
    await expect.poll(() => heard).toEqual([{ n: 1 }])
  })
})
