import { DriverError, setErrorReporter } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus, type MemoryBus } from '../../bus/index.ts'
import { createRealtime, type Realtime } from '../../create-realtime.ts'
import type { Occupancy } from '../../driver.ts'
import { embedded } from '../../drivers/embedded.ts'
import { BUS_BACKENDS, type BusBackend } from '../../testing/bus-backends.ts'
import { createFakeRealtime } from '../../testing/fake-driver.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'
import type { Connection } from '../entrance/connection.ts'
import { createRuntime } from '../runtime.ts'
import { createOccupancies } from './occupancy.ts'
import { createRooms, type Membership } from './rooms.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
const clients: Realtime[] = []
const reported: unknown[] = []
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await Promise.all(servers.splice(0).map((server) => server.close()))
  reported.length = 0
})
async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const onError = (error: unknown): void => void reported.push(error)
  const limits = { perAccount: false, perAddress: false } as const
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, limits, onError, ...options })
  servers.push(server)
  await server.ready
  return server
}
async function joined(server: StandaloneServer, sub: string): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }))
  sockets.push(socket)
  await socket.ask('realtime:t', 'phx_join', { config: {} })
  return socket
}
const connect = (server: StandaloneServer, sub: string): Realtime => {
  const driver = embedded({ url: `${server.url}/realtime/v1` })
  const client = createRealtime({ driver, getToken: () => signTestToken(jwtSecret, { sub }), random: () => 0 })
  clients.push(client)
  return client
}
const told = ({ heard }: RawSocket): unknown[] =>
  heard.flatMap(([, event, payload]) => (event === 'msc_occupancy' ? [payload] : []))
const ask = (socket: RawSocket, payload: object = {}): Promise<unknown> =>
  socket.ask('realtime:t', 'msc_occupancy', payload)

describe.each(Object.keys(BUS_BACKENDS))('how many are in a topic, on %s', (name) => {
  let backend: BusBackend
  beforeAll(async () => {
    backend = await (BUS_BACKENDS[name] as () => Promise<BusBackend>)()
  }, 60_000)
  afterAll(() => backend.close())

  it('is heard of all servers, with an account on two of them counted once', async () => {
    const [one, two] = [await serve({ bus: backend.create() }), await serve({ bus: backend.create() })]
    await joined(two, 'ana')
    const channel = connect(one, 'ana').channel('t')
    const heard: Occupancy[] = []
    channel.onOccupancy((occupancy) => heard.push(occupancy))
    await expect.poll(() => heard.at(-1), { timeout: 5000 }).toEqual({ members: 2, users: 1 })
    const bo = await joined(two, 'bo')
    await expect.poll(() => heard.at(-1), { timeout: 5000 }).toEqual({ members: 3, users: 2 })
    bo.socket.terminate()
    await expect.poll(() => heard.at(-1), { timeout: 5000 }).toEqual({ members: 2, users: 1 })
    expect(await two.occupancy('t')).toEqual({ members: 2, users: 1 })
    expect(await one.occupancy('elsewhere')).toEqual({ members: 0, users: 0 })
    // A private topic of the same name is another one.
    expect(await one.occupancy('t', { private: true })).toEqual({ members: 0, users: 0 })
    await two.close()
    await expect.poll(() => heard.at(-1), { timeout: 5000 }).toEqual({ members: 1, users: 1 })
    expect(reported).toEqual([])
  }, 30_000)
})

describe('how many are in a topic', () => {
  it('is told to those who ask, and to nobody else', async () => {
    const server = await serve()
    const [ana, bo] = [await joined(server, 'ana'), await joined(server, 'bo')]
    expect(await ask(ana)).toMatchObject({ status: 'ok' })
    expect(told(ana)).toEqual([{ members: 2, users: 2 }])
    await joined(server, 'bo')
    await expect.poll(() => told(ana).at(-1), { timeout: 3000 }).toEqual({ members: 3, users: 2 })
    await ask(ana, { on: false })
    await joined(server, 'cy')
    await ask(bo)
    expect(told(bo)).toEqual([{ members: 4, users: 3 }])
    expect(told(ana).length).toBe(2)
    // Who is no member is told nothing.
    const dan = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'dan' }))
    sockets.push(dan)
    expect(await ask(dan)).toMatchObject({ status: 'error', response: { reason: 'unmatched topic' } })
  })

  it('is told once in a second at most, with what is true then', async () => {
    const clock = createManualClock()
    const rooms = createRooms(createRuntime(clock))
    const occupancies = createOccupancies(rooms)
    const sent: unknown[] = []
    const memberOf = (sub: string): Membership => {
      const connection = {
        version: '2.0.0',
        send: ({ payload }: { payload: unknown }) => sent.push(payload),
        sendRaw: (text: string) => sent.push((JSON.parse(text) as unknown[])[4]),
      }
      const claims = { sub, role: 'authenticated', exp: 1 }
      const member = {
        topic: 't',
        private: false,
        claims,
        joinRef: '1',
        connection: connection as unknown as Connection,
      }
      return { ...member, self: false, ack: false, presence: { enabled: false, key: '' }, changes: [] }
    }
    const watcher = memberOf('watcher')
    rooms.add(watcher)
    occupancies.watch(watcher, true)
    const crowd = Array.from({ length: 10_000 }, (_, n) => memberOf(`user ${n}`))
    let worst = 0
    for (let second = 0; second < 5; second++) {
      for (const member of crowd) rooms.add(member)
      for (const member of crowd.slice(0, 5000 + second)) rooms.remove(member)
      const from = performance.now()
      await clock.advance(1000)
      worst = Math.max(worst, performance.now() - from)
      for (const member of crowd) rooms.remove(member)
    }
    expect(sent).toEqual([
      { members: 1, users: 1 },
      ...[0, 1, 2, 3, 4].map((n) => ({ members: 5001 - n, users: 5001 - n })),
    ])
    expect(worst).toBeLessThan(100)
    occupancies.close()
    expect(clock.pending).toBe(0)
  })

  it('counts a server that was killed for 15 s more, and asks nobody when nobody wants to know', async () => {
    const hub = createMemoryBusHub()
    const clock = createManualClock(Date.now())
    const buses = [memoryBus(hub), memoryBus(hub)] as [MemoryBus, MemoryBus]
    const [one, two] = [await serve({ bus: buses[0], clock }), await serve({ bus: buses[1], clock })]
    const said: string[] = []
    await memoryBus(hub).start({ onMessage: (text) => said.push(text), onGap() {}, onError() {} })
    const [ana] = [await joined(one, 'ana'), await joined(two, 'bo')]
    for (let second = 0; second < 30; second++) await clock.advance(1000)
    expect(said.filter((text) => text.includes('occupancy'))).toEqual([])
    await ask(ana)
    await expect.poll(() => clock.advance(100).then(() => told(ana).at(-1))).toEqual({ members: 2, users: 2 })
    buses[1].cut()
    for (let second = 0; second < 13; second++) await clock.advance(1000)
    expect(told(ana).at(-1)).toEqual({ members: 2, users: 2 })
    for (let second = 0; second < 5; second++) await clock.advance(1000)
    await expect.poll(() => told(ana).at(-1)).toEqual({ members: 1, users: 1 })
    buses[1].mend()
    for (let second = 0; second < 8; second++) await clock.advance(1000)
    await expect.poll(() => told(ana).at(-1)).toEqual({ members: 2, users: 2 })
    // Neither names nor ids of accounts are on the bus.
    const occupancy = said.filter((text) => text.includes('occupancy')).join('')
    expect(occupancy).not.toMatch(/\bana\b|\bbo\b/)
  })

  it('goes on with a new token of a member, who has neither left nor come', async () => {
    const server = await serve()
    const [ana] = [await joined(server, 'ana'), await joined(server, 'bo')]
    await ask(ana)
    const before = server.inspect().room('t', false)?.list
    for (const sub of ['ana', 'bo']) {
      ana.say('realtime:t', 'access_token', { access_token: await signTestToken(jwtSecret, { sub }) })
      await expect.poll(() => server.inspect().room('t', false)?.list[0]?.sub).toBe(sub)
    }
    // It is another account's by now, as which it is counted.
    await expect.poll(() => told(ana).at(-1), { timeout: 3000 }).toEqual({ members: 2, users: 1 })
    await joined(server, 'cy')
    await expect.poll(() => told(ana).at(-1), { timeout: 3000 }).toEqual({ members: 3, users: 2 })
    const after = server.inspect().room('t', false)?.list
    expect(after?.map(({ sub, joinedAt }) => [sub, joinedAt]).slice(0, 2)).toEqual(
      before?.map(({ joinedAt }) => ['bo', joinedAt]),
    )
    expect(server.stats()).toMatchObject({ joins: 3, leaves: 0, members: 3 })
  })

  it('is of no more than 1 000 topics at a time, and says so', async () => {
    const server = await serve()
    const all = Array.from({ length: 1000 }, (_, n) => server.occupancy(`topic ${n}`))
    await Promise.all(all)
    await expect(server.occupancy('one more')).rejects.toMatchObject({ code: 'REALTIME_TOO_MANY_COUNTED' })
    const ana = await joined(server, 'ana')
    expect(await ask(ana)).toMatchObject({ msc: { code: 'UNAVAILABLE', retryable: true } })
  })

  it('goes on after an interruption, for each subscriber, until it stops', async () => {
    const server = await serve()
    const client = connect(server, 'ana')
    const [first, second] = [client.channel('t'), client.channel('t')]
    const heard: [Occupancy[], Occupancy[]] = [[], []]
    const stop = first.onOccupancy((occupancy) => heard[0].push(occupancy))
    await expect.poll(() => heard[0]).toEqual([{ members: 1, users: 1 }])
    second.onOccupancy((occupancy) => heard[1].push(occupancy))
    await expect.poll(() => heard[1]).toEqual([{ members: 1, users: 1 }])
    expect(server.kick({ topic: 't' })).toBe(1)
    await expect.poll(() => heard[1].length).toBe(2)
    stop()
    await joined(server, 'bo')
    await expect.poll(() => heard[1].at(-1), { timeout: 3000 }).toEqual({ members: 2, users: 2 })
    expect(heard[0].at(-1)).toEqual({ members: 1, users: 1 })
  })

  it('is a typed error where nobody counts', async () => {
    const errors: unknown[] = []
    const client = createRealtime({ driver: createFakeRealtime().driver, onError: () => undefined })
    clients.push(client)
    const channel = client.channel('t')
    channel.onError((error) => errors.push(error))
    channel.onOccupancy(() => undefined)
    await expect.poll(() => errors).toMatchObject([{ code: 'REALTIME_NO_OCCUPANCY' }])
  })

  it('is asked for again where it can not be counted now, by whoever still wants to know, and not before the server wants it', async () => {
    const clock = createManualClock(Date.now())
    const fake = createFakeRealtime()
    const asked: number[] = []
    let isBusy = true
    fake.override.occupancy = (_topic, told) => {
      asked.push(clock.monotonic())
      if (isBusy) throw new DriverError('fake', 'Too many rooms.', { retryable: true, retryAfterMs: 1000 })
      told?.({ members: 2, users: 1 })
    }
    const client = createRealtime({ driver: fake.driver, clock, random: () => 0.5 })
    clients.push(client)
    const [first, second] = [client.channel('t'), client.channel('t')]
    const errors: unknown[] = []
    const heard: unknown[] = []
    second.onError((error) => errors.push(error))
    first.onOccupancy(() => undefined)
    second.onOccupancy((occupancy) => heard.push(occupancy))
    await second.ready
    await expect.poll(() => asked.length).toBeGreaterThan(0)
    await clock.advance(0)
    // Both have asked by now, and it is asked again once for both.
    const { length } = asked
    for (let step = 0; step < 40; step++) await clock.advance(500)
    expect(asked.length).toBeGreaterThan(length + 3)
    const waits = asked.slice(length).map((at, index) => at - (asked[length - 1 + index] as number))
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1200)
    expect(errors).toHaveLength(asked.length)
    first.leave()
    isBusy = false
    for (let step = 0; step < 40; step++) await clock.advance(500)
    expect(heard).toEqual([{ members: 2, users: 1 }])
    const { length: all } = asked
    // Nobody asks once the channel is left, or on a subscription that is lost.
    isBusy = true
    fake.drop('t')
    await clock.advance(1000)
    expect(asked.length).toBe(all + 1)
    second.leave()
    await clock.advance(60_000)
    expect(asked.length).toBe(all + 1)
  })

  it('is nothing to a subscriber that has left, and no error', async () => {
    const failed: unknown[] = []
    setErrorReporter((error) => void failed.push(error))
    const heard: unknown[] = []
    try {
      const server = await serve()
      const client = connect(server, 'ana')
      // As StrictMode does with an effect.
      const channel = client.channel('t')
      channel.onError((error) => failed.push(error))
      channel.onOccupancy((occupancy) => heard.push(occupancy))
      channel.leave()
      const next = client.channel('t')
      const first = new Promise((resolve) => next.onOccupancy(resolve))
      expect(await first).toEqual({ members: 1, users: 1 })
      // Another user has come before it was known that somebody wants to know.
      let sub = 'bo'
      const changing = createRealtime({
        driver: embedded({ url: `${server.url}/realtime/v1` }),
        getToken: () => signTestToken(jwtSecret, { sub }),
      })
      clients.push(changing)
      const own = changing.channel('t')
      await own.ready
      sub = 'cy'
      const told = new Promise<unknown>((resolve) => own.onOccupancy(resolve))
      await changing.refreshToken()
      expect(await told).toMatchObject({ members: 2 })
    } finally {
      setErrorReporter(undefined)
    }
    expect([failed, heard]).toEqual([[], []])
  })
})
