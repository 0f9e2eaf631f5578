import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const EPOCHS = ['0af76519-16cd-43dd-8448-eb211c80319c', '1af76519-16cd-43dd-8448-eb211c80319c'] as const
let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
let tokens: Record<'ana' | 'bo', string>
let getToken: () => Promise<string | undefined> | string | undefined
let told: unknown[]

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
  clock = createManualClock(Date.now())
  getToken = () => tokens.ana
  told = []
  client = createRealtime({
    driver: fake.driver,
    clock,
    random: () => 0.5,
    getToken: () => getToken(),
    onError: () => undefined,
  })
})
afterEach(() => client.close())

const spend = async (ms = 1000): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 100) await clock.advance(100)
}
function listen(history = false) {
  const room = client.channel('room', { presenceKey: 'a', history })
  room.on('note', ({ n }) => told.push(n))
  room.onGap(() => told.push('gap'))
  return room
}
/** Joined, and heard of, but not live: the server takes its time with the presence. */
async function hearBeforeLive(): Promise<void> {
  fake.override.track = () => new Promise(() => {})
  const room = listen()
  room.track({ on: 1 }).catch(() => undefined)
  await spend()
  fake.push('room', 'note', { n: 1 })
  expect(told).toEqual([1])
  expect(client.status).toBe('connecting')
  delete fake.override.track
}

it('a channel that has heard something before it was live hears of a gap when it is joined again', async () => {
  await hearBeforeLive()
  fake.drop()
  await spend(15_000)
  fake.push('room', 'note', { n: 3 })
  expect(client.status).toBe('connected')
  expect(told).toEqual([1, 'gap', 3])
})

it('a channel that one user has heard before it was live hears of a gap as the next user', async () => {
  await hearBeforeLive()
  getToken = () => tokens.bo
  await client.refreshToken()
  await spend(15_000)
  fake.push('room', 'note', { n: 3 })
  expect(told).toEqual([1, 'gap', 3])
})

it('a channel that is live at last, and was never lost, hears of no gap', async () => {
  await hearBeforeLive()
  await spend(15_000)
  fake.push('room', 'note', { n: 2 })
  expect(client.status).toBe('connected')
  expect(told).toEqual([1, 2])
})

it('a history that is another one by the time that a channel is live is a gap for who has heard of the one before', async () => {
  let reads = 0
  let answer = (): void => {}
  fake.override.since = async (_topic, after) => {
    reads += 1
    if (reads > 1) return { events: [], cursor: `${EPOCHS[1]}:9:9:`, gap: !!after?.startsWith(EPOCHS[0]), more: false }
    await new Promise<void>((resolve) => (answer = resolve))
    return { events: [], cursor: `${EPOCHS[0]}:5:5:`, gap: false, more: false }
  }
  listen(true)
  await spend()
  fake.push('room', 'note', { n: 1 })
  fake.drop()
  answer()
  await spend(15_000)
  fake.push('room', 'note', { n: 3 })
  expect(client.status).toBe('connected')
  expect(told).toEqual([1, 'gap', 3])
})
