import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
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
