import { createManualClock } from '@msc/core/testing'
import { expect, it, vi } from 'vitest'
import { Admission, Place } from '../admission/admission.ts'
import { createDepartures } from '../admission/departures.ts'
import { createBans } from '../admission/bans.ts'
import { limitsFrom, type LimitOptions } from '../admission/limits.ts'
import { createLiveness } from '../admission/liveness.ts'
import { createRevocations } from '../admission/revocations.ts'
import { createOccupancies } from '../rooms/occupancy.ts'
import { createRooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import type { SessionContext } from '../session/context.ts'
import { createClients, type Client, type Clients } from './clients.ts'
import type { Transport } from './connection.ts'

/** Clients over transports that do what a test tells them to. */
function start(options: LimitOptions = {}) {
  const clock = createManualClock(1_800_000_000_000)
  const told: string[] = []
  const runtime = createRuntime(
    clock,
    (error, { operation }) => void told.push(`${operation}: ${(error as Error).message}`),
  )
  const limits = limitsFrom(options)
  const rooms = createRooms(runtime)
  const context: SessionContext = {
    rooms,
    departures: createDepartures(rooms),
    occupancies: createOccupancies(rooms),
    jwtSecret: 'not asked for',
    limits,
    privateOnly: false,
    presenceKey: 'any',
    feeds: undefined,
    ready: () => Promise.resolve(),
    spreadMs: () => 0,
    ask: async () => 'allowed',
    liveness: createLiveness(undefined, createRevocations(10, runtime), runtime),
    bans: createBans(runtime),
    runtime,
  }
  return { clock, told, context, clients: createClients(context), admission: new Admission(limits, clock) }
}

function transportOf(changes: Partial<Transport> = {}): { transport: Transport; sent: string[] } {
  const sent: string[] = []
  const transport: Transport = {
    name: 'websocket',
    format: '2.0.0',
    patience: 1,
    isOpen: () => true,
    send: (data) => void sent.push(String(data)),
    buffered: () => 0,
    ping: vi.fn<() => void>(),
    close: vi.fn<Transport['close']>(),
    terminate: vi.fn<() => void>(),
    ...changes,
  }
  return { transport, sent }
}
const claims = { role: 'anon', exp: 4_000_000_000 }
const enter = ({ clients, admission }: { clients: Clients; admission: Admission }, transport: Transport): Client =>
  clients.add(transport, claims, admission.enter({ account: 'a' }, 'sockets') as Place)
const join = (client: Client, topic: string): void =>
  client.receive(
    JSON.stringify([
      null,
      '1',
      `realtime:${topic}`,
      'phx_join',
      { config: { presence: { enabled: true, key: topic } } },
    ]),
  )

it('leaves every topic and frees its place, though leaving one of them fails', async () => {
  const world = start()
  const { context, told, clients } = world
  const { transport, sent } = transportOf()
  const client = enter(world, transport)
  for (const topic of ['t', 'u', 'v']) join(client, topic)
  await vi.waitUntil(() => sent.filter((text) => text.includes('phx_reply')).length === 3, { timeout: 10_000 })
  const remove = context.rooms.remove.bind(context.rooms)
  vi.spyOn(context.rooms, 'remove').mockImplementation((membership) => {
    if (membership.topic === 'u') throw new RangeError('deep')
    remove(membership)
  })
  expect(() => client.gone()).not.toThrow()
  expect(told).toEqual(['leave a topic: deep'])
  expect([...['t', 'u', 'v'].map((topic) => context.rooms.members(topic, false).size), clients.size]).toEqual([
    0, 1, 0, 0,
  ])
  await clients.close('done')
})

it('ends a connection whose answers can not be sent, and reports it, and no other', async () => {
  const world = start()
  const broken = transportOf({
    send() {
      throw new Error('broken pipe')
    },
  })
  const [bad, good] = [enter(world, broken.transport), transportOf()]
  const other = enter(world, good.transport)
  for (const client of [bad, other]) join(client, 't')
  await vi.waitUntil(() => vi.mocked(broken.transport.close).mock.calls.length > 0, { timeout: 10_000 })
  expect(broken.transport.close).toHaveBeenCalledWith(1011, 'Internal error')
  expect(world.told).toEqual(['answer a frame: broken pipe'])
  other.receive(JSON.stringify([null, '2', 'phoenix', 'heartbeat', {}]))
  await vi.waitUntil(() => good.sent.some((text) => text.includes('"2"')), { timeout: 10_000 })
  for (const client of [bad, other]) client.gone()
  await world.clients.close('done')
})

it('asks each for a sign of life in its own time, and ends what gives none, though another one fails', async () => {
  const world = start({ pingMs: 10_000 })
  const failing = transportOf({
    ping() {
      throw new Error('no ping')
    },
  })
  const [mute, lively] = [transportOf(), transportOf()]
  enter(world, failing.transport)
  const [, alive] = [enter(world, mute.transport), enter(world, lively.transport)]
  await world.clock.advance(9000)
  expect(mute.transport.ping).not.toHaveBeenCalled()
  await world.clock.advance(1000)
  expect([mute, lively].map(({ transport }) => vi.mocked(transport.ping).mock.calls.length)).toEqual([1, 1])
  alive.alive()
  await world.clock.advance(10_000)
  expect(mute.transport.terminate).toHaveBeenCalled()
  expect(lively.transport.terminate).not.toHaveBeenCalled()
  expect(world.told).toContain('heartbeat: no ping')
})

it('is cut when it floods, and gone at once, though its transport fails', async () => {
  const world = start({ framesPerSecond: 1, perAccount: false })
  const { transport } = transportOf({
    close() {
      throw new Error('no close')
    },
  })
  const client = enter(world, transport)
  for (let n = 0; n < 200; n++) client.receive('garbage')
  expect(world.clients.size).toBe(0)
  expect(world.told).toEqual(['end a connection: no close'])
  expect(world.context.runtime.counters.refused).toMatchObject({ FLOOD: 1 })
  await world.clock.advance(1000)
  expect(transport.terminate).toHaveBeenCalledOnce()
})
