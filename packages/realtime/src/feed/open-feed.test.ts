import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'

interface Row {
  readonly n: number
}
let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
/** What the application's `onError` was told. */
let reported: unknown[]

// What is loaded late is there, or the clock of a test would run ahead of it.
beforeAll(() => Promise.all([import('./feed-code.ts'), import('@msc/core')]))
beforeEach(() => {
  fake = createFakeRealtime()
  clock = createManualClock(Date.now())
  reported = []
  client = createRealtime({
    driver: fake.driver,
    clock,
    random: () => 1,
    timeoutMs: 1000,
    onError: (error, { operation, topic }) =>
      void reported.push([operation, topic, (error as { code?: unknown }).code]),
  })
})
afterEach(() => client.close())

const failures: readonly (readonly [how: string, why: RegExp, snapshot: () => Promise<readonly Row[]>])[] = [
  ['rejects', /rows of mine/, () => Promise.reject(new TypeError('rows of mine'))],
  ['never answers', /1000 ms/, () => new Promise(() => {})],
  ['has no list', /no list/, async () => JSON.parse('{"error":"not you"}') as readonly Row[]],
]

it.each(failures)(
  'tells of a snapshot that %s, tries it again, and keeps the changes until it is there',
  async (_how, why, fails) => {
    let load = fails
    let tries = 0
    const heard: unknown[] = []
    const told: Error[] = []
    client.feed<Row>('items', 'ana', {
      snapshot: () => {
        tries += 1
        return load()
      },
      onSnapshot: (rows) => heard.push(rows),
      onChange: ({ data }) => heard.push(data.n),
      onError: (error) => told.push(error),
    })
    await clock.advance(0)
    await clock.advance(0)
    fake.push('feed:items:ana', 'INSERT', { record: { n: 1 } })
    for (let passed = 0; passed < 10_000; passed += 100) await clock.advance(100)
    expect(tries).toBeGreaterThan(3)
    expect(tries).toBeLessThan(20)
    expect(heard).toEqual([])
    expect(told.length).toBeGreaterThanOrEqual(tries - 1)
    expect(told.at(-1)).toMatchObject({ code: 'REALTIME_SNAPSHOT_FAILED', message: expect.stringMatching(why) })
    expect(reported).toEqual([['snapshot', 'feed:items:ana', 'REALTIME_SNAPSHOT_FAILED']])
    expect(client.status).toBe('connected')
    expect(await client.health()).toMatchObject({ status: 'degraded', detail: expect.stringMatching(why) })

    load = async () => [{ n: 0 }]
    for (let passed = 0; passed < 20_000; passed += 100) await clock.advance(100)
    expect(heard).toEqual([[{ n: 0 }], 1])
    expect((await client.health()).status).toBe('ready')
  },
)

it('is well again when nobody wants the rows any more that could not be loaded', async () => {
  const fails = { snapshot: () => Promise.reject(new Error('no')), onChange: () => {} }
  const ends = [client.feed('items', 'ana', fails), client.feed('notes', 'ana', fails)]
  await clock.advance(0)
  await clock.advance(0)
  ends[0]?.()
  expect(await client.health()).toMatchObject({ status: 'degraded', detail: expect.stringContaining('feed:notes:ana') })
  ends[1]?.()
  expect((await client.health()).status).toBe('ready')
})

it('loads once it is live where it was told of a gap before that', async () => {
  const epoch = '0af76519-16cd-43dd-8448-eb211c80319c'
  const from = `${epoch}:5:5:`
  // The server is too busy to read the beginning, as often as that is tried; what comes after that has no gap.
  const readBeginning = vi.fn(() => Promise.reject(new Error('busy')))
  fake.override.since = (_topic, after) =>
    after === from ? readBeginning() : { events: [], cursor: `${epoch}:9:9:`, gap: false, more: false }
  const heard: unknown[] = []
  client.feed<Row>('items', 'ana', {
    from,
    snapshot: async () => [{ n: 1 }],
    onSnapshot: (rows) => heard.push(rows),
    onChange: ({ data }) => heard.push(data.n),
    onGap: () => heard.push(client.status),
  })
  for (let passed = 0; passed < 60_000 && readBeginning.mock.calls.length < 5; passed += 100) await clock.advance(100)
  // It gives the beginning up while the connection is away.
  fake.override.subscribe = () => Promise.reject(new Error('away'))
  fake.drop()
  for (let passed = 0; passed < 30_000; passed += 100) await clock.advance(100)
  expect(heard).toEqual(['reconnecting'])
  delete fake.override.subscribe
  for (let passed = 0; passed < 30_000; passed += 100) await clock.advance(100)
  expect(heard).toEqual(['reconnecting', [{ n: 1 }]])
  fake.push('feed:items:ana', 'INSERT', { record: { n: 2 } })
  expect(heard.at(-1)).toBe(2)
})

it('asks for no snapshot once the client is closed, ends the one that it has asked for, and tells nobody', async () => {
  const asked: AbortSignal[] = []
  const told: unknown[] = []
  const onError = (error: Error): void => void told.push(error)
  client.feed('items', 'ana', { snapshot: () => Promise.reject(new Error('away')), onChange: () => {}, onError })
  client.feed('notes', 'ana', {
    snapshot: (signal) => new Promise<never>(() => asked.push(signal)),
    onChange: () => {},
    onError,
  })
  await clock.advance(0)
  await clock.advance(500)
  expect([asked.length, told.length > 0, asked.at(-1)?.aborted]).toEqual([1, true, false])
  const before = [told.length, reported.length]
  await client.close()
  expect(asked.at(-1)?.aborted).toBe(true)
  for (let passed = 0; passed < 60_000; passed += 1000) await clock.advance(1000)
  expect([told.length, reported.length, asked.length]).toEqual([...before, 1])
})
