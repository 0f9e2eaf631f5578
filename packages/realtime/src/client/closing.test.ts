import { createManualClock } from '@msc/core/testing'
import { beforeAll, expect, it } from 'vitest'
import { createRealtime, type Channel } from '../create-realtime.ts'
import { createFakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

type Room = Pick<Channel, 'onPresence' | 'onReady'>

const secret = 'a-secret-for-tests-that-is-long-enough-0123'

// What is loaded late is there, or the clock of a test would run ahead of it.
beforeAll(() => Promise.all([import('./user.ts'), import('./sending.ts'), import('../feed/feed-code.ts')]))

// By turns of the queue: the answer may be anywhere on its way.
it.each(Array.from({ length: 14 }, (_none, turns) => turns))(
  'a client that is closed as `getToken` names another user, %i turns later, joins and tells nothing more',
  async (turns) => {
    const [ana, bo] = await Promise.all([
      signTestToken(secret, { sub: 'ana', session_id: '1' }),
      signTestToken(secret, { sub: 'bo', session_id: '2' }),
    ])
    const fake = createFakeRealtime()
    const clock = createManualClock(Date.now())
    let getToken = (): Promise<string> => Promise.resolve(ana)
    const client = createRealtime({ driver: fake.driver, clock, getToken: () => getToken(), onError: () => undefined })
    const told: unknown[] = []
    const room = client.channel('room')
    room.onGap(() => told.push('gap'))
    room.onPresence((state) => told.push(state))
    room.onError((error) => told.push(error))
    for (let passed = 0; passed < 1000; passed += 100) await clock.advance(100)
    expect(fake.topics).toEqual(['room'])
    fake.presence('room', { ana: [{}] })
    told.length = 0
    let answer!: (token: string) => void
    getToken = () => new Promise((resolve) => (answer = resolve))
    client.refreshToken().catch(() => undefined)
    await clock.advance(100)
    answer(bo)
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    await client.close()
    told.length = 0
    for (let passed = 0; passed < 60_000; passed += 1000) await clock.advance(1000)
    expect(told).toEqual([])
    expect(fake.topics).toEqual([])
    expect(clock.pending).toBe(0)
  },
)

it.each([
  [
    'a presence that is empty',
    (room: Room, close: () => void) => room.onPresence((state) => 'ana' in state || close()),
  ],
  ['an end', (room: Room, close: () => void) => room.onReady((isReady) => isReady || close())],
] as const)(
  'a client that is closed in %s by which it hears of another user joins nothing more',
  async (_what, hear) => {
    const [ana, bo] = await Promise.all([
      signTestToken(secret, { sub: 'ana', session_id: '1' }),
      signTestToken(secret, { sub: 'bo', session_id: '2' }),
    ])
    const fake = createFakeRealtime()
    const clock = createManualClock(Date.now())
    let token = ana
    const client = createRealtime({ driver: fake.driver, clock, getToken: () => token, onError: () => undefined })
    let closed: Promise<void> | undefined
    hear(client.channel('room'), () => (closed = client.close()))
    client.channel('lobby')
    for (let passed = 0; passed < 1000; passed += 100) await clock.advance(100)
    fake.presence('room', { ana: [{}] })
    token = bo
    await client.refreshToken().catch(() => undefined)
    for (let passed = 0; passed < 60_000; passed += 1000) await clock.advance(1000)
    await closed
    expect(closed).toBeDefined()
    expect(fake.topics).toEqual([])
    expect(clock.pending).toBe(0)
  },
)
