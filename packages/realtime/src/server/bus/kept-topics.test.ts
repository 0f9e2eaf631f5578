import { createManualClock } from '@msc/core/testing'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus, type BusPublisher, type MemoryBus, type RealtimeBus } from '../../bus/index.ts'
import { redisBus } from '../../bus/redis.ts'
import type { MessageAction } from '../../base/message.ts'
import { hubs } from '../../client/hub.ts'
import { createRealtime, type Channel, type ChannelOptions, type Realtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { feedSource } from '../../feed/source.ts'
import { openRedis } from '../../testing/redis.ts'
import { openPglite, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1)
const servers: StandaloneServer[] = []
const clients: Realtime[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  for (const server of servers.splice(0)) await server.close()
})

async function serve(bus: RealtimeBus, options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    bus,
    onError: () => undefined,
    history: [{ topics: 'room:*', actions: 'author' }],
    ...options,
  })
  servers.push(server)
  await server.ready
  return server
}

interface Heard {
  readonly channel: Channel
  readonly numbers: number[]
  readonly ids: (string | undefined)[]
  readonly by: unknown[]
  readonly actions: MessageAction[]
  gaps: number
}

async function listen(server: StandaloneServer, sub: string, options: ChannelOptions = {}): Promise<Heard> {
  const client = createRealtime({
    driver: embedded({ url: `${server.url}/realtime/v1` }),
    getToken: () => signTestToken(jwtSecret, { sub }),
    random: () => 0,
  })
  clients.push(client)
  const channel = client.channel('room:1', { history: true, ...options }) as Channel
  const heard: Heard = { channel, numbers: [], ids: [], by: [], actions: [], gaps: 0 }
  channel.on('note', (payload, _event, meta) => {
    heard.numbers.push((payload as { n: number }).n)
    heard.ids.push(meta?.id)
    heard.by.push(meta?.by)
  })
  channel.onAction((action) => heard.actions.push(action))
  channel.onGap(() => (heard.gaps += 1))
  await channel.ready
  return heard
}

const note = (n: number) => ({ topic: 'room:1', event: 'note', payload: { n }, private: false })
const idsOf = async ({ channel }: Heard): Promise<string[]> =>
  (await channel.history()).messages.map(({ meta }) => meta.id)

interface Backend {
  create(): RealtimeBus & BusPublisher
  close(): Promise<unknown>
}
const backends: Record<string, () => Promise<Backend>> = {
  async memory() {
    const hub = createMemoryBusHub()
    return { create: () => memoryBus(hub, { jwtSecret }), close: async () => undefined }
  },
  async redis() {
    const server = await openRedis()
    const client = new Redis({ port: server.port })
    client.on('error', () => undefined)
    return {
      create: () => redisBus({ client, jwtSecret }),
      async close() {
        client.disconnect()
        await server.close()
      },
    }
  },
}

describe.each(Object.keys(backends))('a topic that several servers keep in their memory, on %s', (name) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await (backends[name] as () => Promise<Backend>)()
  }, 60_000)
  afterAll(() => backend.close())

  it('has the messages of all of them on each, by the same ids, and says who wrote them', async () => {
    const [one, two] = [await serve(backend.create()), await serve(backend.create())]
    const [ana, bo] = [await listen(one, 'ana'), await listen(two, 'bo')]
    const said = await ana.channel.broadcast('note', { n: 1 })
    await expect.poll(() => bo.numbers).toEqual([1])
    await two.publish(note(2))
    await expect.poll(() => ana.numbers).toEqual([2])
    await expect.poll(() => bo.numbers).toEqual([1, 2])
    expect(bo.ids[0]).toBe(said.id)
    expect(bo.by).toEqual(['ana', undefined])
    expect(await idsOf(ana)).toEqual(bo.ids)
    expect(await idsOf(bo)).toEqual(bo.ids)
    const late = await listen(two, 'cy', { rewind: 10 })
    await expect.poll(() => late.ids).toEqual(bo.ids)
    expect([ana.gaps, bo.gaps, late.gaps]).toEqual([0, 0, 0])
  }, 30_000)

  it('brings what other servers told while a member was away, once and in order', async () => {
    const [one, two] = [await serve(backend.create()), await serve(backend.create())]
    const bo = await listen(two, 'bo')
    await one.publish(note(1))
    await expect.poll(() => bo.numbers).toEqual([1])
    two.disconnect({ sub: 'bo' })
    await Promise.all(
      upTo(40)
        .slice(1)
        .map((n) => (n % 2 ? two : one).publish(note(n))),
    )
    await expect.poll(() => bo.numbers.length, { timeout: 10_000 }).toBe(40)
    expect(bo.numbers.toSorted((a, b) => a - b)).toEqual(upTo(40))
    expect(bo.ids).toEqual(await idsOf(bo))
    expect(bo.gaps).toBe(0)
  }, 30_000)

  it('ends with the same messages on each when they are changed on several at once', async () => {
    const all = [await serve(backend.create()), await serve(backend.create()), await serve(backend.create())]
    const readers = await Promise.all(all.map((server, n) => listen(server, `user ${n}`)))
    const [ana] = readers as [Heard]
    const ids = [
      String((await ana.channel.broadcast('note', { n: 1 })).id),
      String((await ana.channel.broadcast('note', { n: 2 })).id),
    ]
    for (const reader of readers.slice(1)) await expect.poll(() => reader.ids).toEqual(ids)
    const [id, gone] = ids as [string, string]
    const place = { topic: 'room:1', private: false, id }
    const changes = readers.flatMap(({ channel }, n) => [
      ...Array.from({ length: 20 }, (_, k) => all[n]?.act({ ...place, action: 'update', payload: { n: n * 100 + k } })),
      channel.react(id, 'x'),
      channel.react(id, `only ${n}`),
      channel.unreact(id, 'x'),
      channel.react(gone, 'y'),
    ])
    await Promise.all(changes)
    await ana.channel.remove(gone)
    const state = async (reader: Heard) =>
      (await reader.channel.history()).messages.map(({ payload, deleted, meta: { id: own, version, reactions } }) => ({
        payload,
        deleted,
        id: own,
        version,
        reactions,
      }))
    await expect.poll(async () => (await state(readers[2] as Heard))[1]?.deleted, { timeout: 10_000 }).toBe(true)
    const end = await state(ana)
    for (const reader of readers) {
      await expect.poll(() => state(reader), { timeout: 10_000 }).toEqual(end)
      // Each server's readers hear of an edit only when it is later than what they had.
      const edits = reader.actions.filter(({ action }) => action === 'update').map(({ version }) => version)
      expect(edits).toEqual(edits.toSorted())
      expect(edits.at(-1)).toBe(end[0]?.version)
    }
    expect(end[0]?.reactions).toEqual({
      'only 0': { total: 1, by: ['user 0'] },
      'only 1': { total: 1, by: ['user 1'] },
      'only 2': { total: 1, by: ['user 2'] },
    })
  }, 30_000)

  it('keeps what a process without a server publishes, by one id', async () => {
    const [one, two] = [await serve(backend.create()), await serve(backend.create())]
    const [ana, bo] = [await listen(one, 'ana'), await listen(two, 'bo')]
    hubs().clear()
    const bus = backend.create()
    const worker = createRealtime({ driver: embedded({ bus }), getToken: () => undefined })
    clients.push(worker)
    await worker.publish('room:1', 'note', { n: 1 })
    for (const each of [ana, bo]) await expect.poll(() => each.numbers).toEqual([1])
    expect(bo.ids[0]).toEqual(expect.any(String))
    expect(bo.ids).toEqual(ana.ids)
    expect(await idsOf(bo)).toEqual(bo.ids)
    await bus.close()
  }, 30_000)
})

it('a server that lost what others told says a gap to whoever was there, once, and goes on', async () => {
  const hub = createMemoryBusHub()
  const clock = createManualClock(Date.now())
  const buses: MemoryBus[] = [memoryBus(hub), memoryBus(hub)]
  const [one, two] = [await serve(buses[0] as MemoryBus, { clock }), await serve(buses[1] as MemoryBus, { clock })]
  const bo = await listen(two, 'bo')
  await one.publish(note(1))
  await expect.poll(() => bo.numbers).toEqual([1])
  buses[1]?.cut()
  await one.publish(note(2))
  await clock.advance(15_000)
  buses[1]?.mend()
  await one.publish(note(3))
  await clock.advance(2000)
  await expect.poll(() => bo.gaps, { timeout: 10_000 }).toBe(1)
  await bo.channel.ready
  await one.publish(note(4))
  await clock.advance(1)
  await expect.poll(() => bo.numbers.at(-1), { timeout: 10_000 }).toBe(4)
  expect(bo.numbers).not.toContain(2)
  expect(bo.gaps).toBe(1)
}, 30_000)

describe('a topic that is kept in the database', () => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await openPglite()
  })
  afterAll(() => db.close())

  it('comes from there to every server, and not over the bus as well', async () => {
    const hub = createMemoryBusHub()
    const sent: string[] = []
    const bus = (): RealtimeBus => {
      const own = memoryBus(hub)
      return {
        ...own,
        send(text, signal) {
          sent.push(text)
          return own.send(text, signal)
        },
      }
    }
    const feeds = () => feedSource({ client: db.client })
    const [one, two] = [await serve(bus(), { feeds: feeds() }), await serve(bus(), { feeds: feeds() })]
    const [ana, bo] = [await listen(one, 'ana'), await listen(two, 'bo')]
    await ana.channel.broadcast('note', { n: 1 })
    await two.publish(note(2))
    // What is told over the bus arrives behind what was told before.
    one.publish({ ...note(0), topic: 'other' })
    await expect.poll(() => bo.numbers).toEqual([1, 2])
    await expect.poll(() => sent.some((text) => text.includes('"other"'))).toBe(true)
    await ana.channel.react(String(bo.ids[0]), 'x')
    for (const each of [ana, bo]) await expect.poll(() => each.actions).toMatchObject([{ action: 'react', by: 'ana' }])
    expect(sent.filter((text) => text.includes('room:1'))).toEqual([])
    expect(ana.numbers).toEqual([2])
  }, 30_000)
})

it('publishing to a kept topic fails for whoever waits, is reported, and ends no process where nobody does', async () => {
  const reported: unknown[] = []
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', onUnhandled)
  const db = await openPglite()
  const server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    feeds: feedSource({ client: db.client, onError: () => undefined }),
    history: [{ topics: 'room:*' }],
    onError: (error) => void reported.push(error),
  })
  servers.push(server)
  await server.ready
  await db.exec('alter table msc_feed.events rename to away')
  void server.publish(note(1))
  await expect(server.publish(note(2))).rejects.toThrow(/events/)
  await expect.poll(() => reported.length).toBe(2)
  await new Promise((resolve) => setImmediate(resolve))
  expect(unhandled).toEqual([])
  process.off('unhandledRejection', onUnhandled)
  await server.close()
  await db.close()
}, 30_000)
