import { DriverError } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
let token: string | undefined
let tokens: Record<'ana' | 'bo', string>

// What is loaded late is there, or the clock of a test would run ahead of it.
beforeAll(async () => {
  await Promise.all([import('./user.ts'), import('./sending.ts'), import('../feed/feed-code.ts')])
  const [ana, bo] = await Promise.all([
    signTestToken(secret, { sub: 'ana', session_id: '1' }),
    signTestToken(secret, { sub: 'bo', session_id: '2' }),
  ])
  tokens = { ana, bo }
})
beforeEach(() => {
  fake = createFakeRealtime()
  // It has a history, which is never gone.
  fake.override.since = () => ({ events: [], cursor: '', gap: false, more: false })
  clock = createManualClock(Date.now())
  token = tokens.ana
  client = createRealtime({
    driver: fake.driver,
    clock,
    random: () => 0.5,
    getToken: () => token,
    onError: () => undefined,
  })
})
afterEach(() => client.close())

const spend = async (ms = 20_000): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 200) await clock.advance(200)
}
const changeTo = (next: string | undefined): Promise<void> => {
  token = next
  return client.refreshToken()
}
const joinsOf = (topic: string): unknown[] =>
  fake.received
    .filter((request) => request.what === 'subscribe' && request.topic === topic)
    .map(({ detail }) => (detail as { token?: string }).token)
/** Only who is signed in may join. */
const refuseNobody = (): void => {
  fake.override.subscribe = (_topic, { token: given }) => {
    if (!given) throw new DriverError('fake', 'not you', { retryable: false, code: 'REALTIME_REFUSED' })
  }
}

/** Users of whom only the last one is live. */
const changes: readonly (readonly [how: string, change: () => Promise<void>])[] = [
  [
    'nobody, who may not join, and somebody again',
    async () => {
      refuseNobody()
      await changeTo(undefined)
      await spend(3000)
      await changeTo(tokens.ana)
    },
  ],
  [
    'two users, one right after the other',
    async () => {
      await changeTo(tokens.bo)
      await changeTo(tokens.ana)
    },
  ],
]

describe.each(changes)('after %s', (_how, change) => {
  it('a feed loads its rows once it is live, once, and goes on', async () => {
    const heard: unknown[] = []
    client.feed<{ n: number }>('items', 'ana', {
      snapshot: async () => [client.status] as never,
      onSnapshot: (rows) => heard.push(...rows),
      onChange: ({ data }) => heard.push(data.n),
      onGap: () => heard.push('gap'),
    })
    await spend(1000)
    expect(heard.splice(0)).toEqual(['connected'])
    await change()
    await spend()
    fake.push('feed:items:ana', 'INSERT', { record: { n: 1 } })
    expect(heard).toEqual(['gap', 'connected', 1])
  })

  it('a channel, and a feed whose rows the application loads, hear of a gap once they are live', async () => {
    const told: unknown[] = []
    const tell = (topic: string) => () => told.push([topic, fake.topics.includes(topic)])
    client.channel('room').onGap(tell('room'))
    client.feed('items', 'ana', { onChange: () => undefined, onGap: tell('feed:items:ana') })
    await spend(1000)
    await change()
    told.length = 0
    await spend()
    expect(told.toSorted()).toEqual([
      ['feed:items:ana', true],
      ['room', true],
    ])
  })
})

it('tells of no gap where nobody before was live', async () => {
  refuseNobody()
  token = undefined
  const onGap = vi.fn()
  client.channel('room').onGap(onGap)
  await spend(3000)
  await changeTo(tokens.ana)
  await spend()
  expect(client.status).toBe('connected')
  expect(onGap).not.toHaveBeenCalled()
})

it('ends what a feed is loading for the user before', async () => {
  const asked: AbortSignal[] = []
  client.feed('items', 'ana', {
    snapshot: (signal) => new Promise<never>(() => asked.push(signal)),
    onChange: () => undefined,
  })
  await spend(1000)
  await changeTo(tokens.bo)
  expect(asked.map(({ aborted }) => aborted)).toEqual([true])
  await spend(1000)
  expect(asked.map(({ aborted }) => aborted)).toEqual([true, false])
})

it('tells the next user no number that was counted for the one before', async () => {
  const counts: ((occupancy: unknown) => void)[] = []
  fake.override.occupancy = (_topic, told) => void (told && counts.push(told))
  const heard: unknown[] = []
  client.channel('room').onOccupancy(({ members }) => heard.push(members))
  await spend(1000)
  await changeTo(tokens.bo)
  await spend(1000)
  expect(counts).toHaveLength(2)
  counts[0]?.({ members: 7, users: 7 })
  counts[1]?.({ members: 1, users: 1 })
  expect(heard).toEqual([1])
})

/** In which an application hears that another user has come. */
const handlers: readonly (readonly [what: string, hear: (handler: () => void) => void])[] = [
  [
    'a gap',
    (handler) =>
      client.feed('others', 'ana', { snapshot: async () => [], onSnapshot() {}, onChange() {}, onGap: handler }),
  ],
  ['an end', (handler) => client.channel('others').onReady((isReady) => isReady || handler())],
  [
    'a presence that is empty',
    (handler) => {
      const lobby = client.channel('others', { presenceKey: 'ana' })
      lobby.onPresence((state) => Object.keys(state).length === 0 && handler())
      void lobby.ready.then(() => fake.presence('others', { ana: [{}] }))
    },
  ],
]

describe.each(handlers)('in %s by which it hears of another user', (_what, hear) => {
  it.each(['before', 'after'])('an application leaves for good a topic that was opened %s', async (order) => {
    let stop = (): void => {}
    const open = (): void => void (stop = client.feed('secrets', 'ana', { onChange: () => undefined }))
    if (order === 'before') open()
    hear(() => stop())
    if (order === 'after') open()
    await spend(1000)
    expect(fake.topics).toContain('feed:secrets:ana')
    await changeTo(tokens.bo)
    await spend()
    expect(joinsOf('feed:secrets:ana')).toEqual([tokens.ana])
    expect(fake.topics).not.toContain('feed:secrets:ana')
    await client.close()
    expect(fake.topics).toEqual([])
    const joins = fake.received.length
    await spend(60_000)
    expect(fake.received).toHaveLength(joins)
  })

  it.each(['before', 'after'])(
    'a topic that was opened %s, and is opened again, is joined once, as the new one, without a gap',
    async (order) => {
      const told: unknown[] = []
      let stop = (): void => {}
      const open = (): void => {
        const channel = client.channel('desk')
        stop = () => channel.leave()
      }
      let isFirst = true
      if (order === 'before') open()
      hear(() => {
        if (!isFirst) return
        isFirst = false
        stop()
        const desk = client.channel('desk')
        desk.onGap(() => told.push('gap'))
        desk.onReady((isReady) => told.push(isReady))
      })
      if (order === 'after') open()
      await spend(1000)
      await changeTo(tokens.bo)
      await spend()
      expect(joinsOf('desk')).toEqual([tokens.ana, tokens.bo])
      expect(told).toEqual([true])
    },
  )
})
