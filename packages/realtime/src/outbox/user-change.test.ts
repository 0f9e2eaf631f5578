import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { StandardSchema } from '@msc/core'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
let tokens: Record<'ana' | 'bo', string>
let token: string
let fake: FakeRealtime
let client: Realtime
let items: Map<string, string>

beforeAll(async () => {
  const [ana, bo] = await Promise.all([signTestToken(secret, { sub: 'ana' }), signTestToken(secret, { sub: 'bo' })])
  tokens = { ana, bo }
})
beforeEach(() => {
  token = tokens.ana
  fake = createFakeRealtime()
  items = new Map()
  client = createRealtime({
    driver: fake.driver,
    getToken: () => token,
    random: () => 0,
    outbox: {
      get length() {
        return items.size
      },
      key: (index) => [...items.keys()][index] ?? null,
      getItem: (key) => items.get(key) ?? null,
      setItem: (key, value) => void items.set(key, value),
      removeItem: (key) => void items.delete(key),
    },
  })
})
afterEach(() => client.close())
const sent = (): unknown[] => fake.received.filter(({ what }) => what === 'send')
const become = (who: 'ana' | 'bo'): Promise<void> => {
  token = tokens[who]
  return client.refreshToken()
}

it.each([{ keep: true }, { keep: false }])(
  'sends nothing of one user as another who comes while the schema still reads it, with %o',
  async (how) => {
    let goOn = (): void => {}
    let reads = 0
    const slow: StandardSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        async validate(value) {
          reads += 1
          await new Promise<void>((resolve) => (goOn = resolve))
          return { value }
        },
      },
    }
    const room = client.channel('room', { events: { said: slow } })
    await room.ready
    const saying = room.broadcast('said', { text: 'of Ana' }, how)
    const told = expect(saying).rejects.toMatchObject({ code: 'REALTIME_USER_CHANGED' })
    await expect.poll(() => reads).toBe(1)
    await become('bo')
    goOn()
    await told
    await expect.poll(() => fake.received.filter(({ what }) => what === 'subscribe').length).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([sent(), [...items]]).toEqual([[], []])
  },
)

it('keeps nothing of one user for another who comes in the moment in which it was asked', async () => {
  const room = client.channel('room')
  await room.ready
  const saying = room.broadcast('said', { text: 'of Ana' }, { keep: true })
  const told = expect(saying).rejects.toMatchObject({ code: 'REALTIME_USER_CHANGED' })
  await become('bo')
  await told
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect([sent(), [...items]]).toEqual([[], []])
})
