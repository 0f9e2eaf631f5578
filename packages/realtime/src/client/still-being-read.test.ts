import type { StandardSchema } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createRealtime, type Channel, type ChannelOptions, type Realtime } from '../create-realtime.ts'
import type { FeedPage } from '../feed/page.ts'
import { Position } from '../feed/position.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const EPOCH = '0af76519-16cd-43dd-8448-eb211c80319c'
const at = (n: number): string => `${EPOCH}:${n}:${n}:`
const metaOf = (n: number) => ({ id: `m${n}`, at: new Date(0).toISOString(), cursor: `${at(n)}+${n}.${n}` })
const editOf = (n: number) => ({ ...metaOf(n), action: 'update', target: 'm0', event: 'news', version: `${n}` })

let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
let token: string | undefined
let tokens: Record<'ana' | 'bo', string>
let told: unknown[]
/** Each lets a payload go that is being read. */
let gates: (() => void)[]
/** Reads a payload when the test says so. */
const slow: StandardSchema<{ n: number }, { n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    async validate(value) {
      await new Promise<void>((resolve) => gates.push(resolve))
      const { n } = value as { n: number }
      return n > 0 ? { value: { n } } : { issues: [{ message: 'none' }] }
    },
  },
}

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
  token = tokens.ana
  told = []
  gates = []
  client = createRealtime({
    driver: fake.driver,
    clock,
    random: () => 0.5,
    getToken: () => token,
    onError: (error) => told.push(error.message),
  })
})
afterEach(() => client.close())

const spend = async (ms = 1000): Promise<void> => {
  for (let passed = 0; passed < ms; passed += 100) await clock.advance(100)
}
const changeTo = (next: string | undefined): Promise<void> => {
  token = next
  return client.refreshToken()
}
/** Lets go of all that is being read, and of what is read then. */
const letGo = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) {
    for (const gate of gates) gate()
    await spend(100)
  }
}
function open(options: ChannelOptions = {}) {
  const room = client.channel('room', { ...options, events: { news: slow } })
  room.on('news', ({ n }) => told.push(n))
  room.onAction(({ payload }) => told.push(['edit', payload]))
  return room
}
type Kept = readonly (readonly [payload: { readonly n: number }, meta: unknown])[]
const keeps = (events: Kept = []): void => {
  fake.override.since = (_topic, after, latest) => ({
    events: latest || after ? events.map(([payload, meta]) => ({ event: 'news', payload, meta: meta as never })) : [],
    cursor: at(9),
    gap: false,
    more: false,
  })
}

/** Two of each: one that is valid, and one that is not. */
const ways: readonly (readonly [what: string, options: ChannelOptions, come: () => void])[] = [
  [
    'messages that came live',
    {},
    () => {
      fake.push('room', 'news', { n: 1 })
      fake.push('room', 'news', { n: 0 })
    },
  ],
  [
    'edits that came live',
    { history: true },
    () => {
      fake.push('room', 'msc_action', { n: 1 }, editOf(11))
      fake.push('room', 'msc_action', { n: 0 }, editOf(12))
    },
  ],
  ['messages that were rewound', { rewind: 3 }, () => undefined],
  ['messages and edits from a position', { from: at(1) }, () => undefined],
]
const kept: Readonly<Record<string, Kept>> = {
  'messages that were rewound': [
    [{ n: 1 }, metaOf(2)],
    [{ n: 0 }, metaOf(3)],
  ],
  'messages and edits from a position': [
    [{ n: 1 }, metaOf(2)],
    [{ n: 0 }, editOf(3)],
  ],
}
const ends: readonly (readonly [what: string, end: (room: Pick<Channel, 'leave'>) => unknown])[] = [
  ['another user has come', () => changeTo(tokens.bo)],
  ['nobody is signed in any more', () => changeTo(undefined)],
  ['the client is closed', () => client.close()],
  ['it was left', (room) => room.leave()],
]

describe.each(ways)('of %s', (what, options, come) => {
  it.each(ends)('what is still being read is told nobody once %s, nor read on', async (_end, end) => {
    keeps(kept[what])
    const room = open(options)
    await spend()
    come()
    await spend(100)
    expect(gates).toHaveLength(1)
    keeps()
    await end(room)
    await letGo()
    expect(told).toEqual([])
    expect(gates).toHaveLength(1)
  })
})

it('what is read for one user without end holds up nothing of the next', async () => {
  open()
  await spend()
  fake.push('room', 'news', { n: 1 })
  await spend(100)
  gates = []
  await changeTo(tokens.bo)
  await spend()
  fake.push('room', 'news', { n: 2 })
  await letGo()
  expect(told).toEqual([2])
})

it('the position of a channel with schemas is none for the next user until it is live, and then their own', async () => {
  keeps()
  const room = open({ history: true })
  await spend()
  expect(room.position).toBe(at(9))
  fake.push('room', 'news', { n: 1 }, metaOf(11))
  await spend(100)
  expect(room.position).toBe(at(9))
  const { since } = fake.override
  let answer = (): void => {}
  fake.override.since = async (...asked) => {
    await new Promise<void>((resolve) => (answer = resolve))
    return since?.(...asked)
  }
  await changeTo(tokens.bo)
  await spend()
  expect(room.position).toBeUndefined()
  answer()
  await spend(100)
  expect(room.position).toBe(at(9))
  fake.push('room', 'news', { n: 2 }, metaOf(12))
  await spend(100)
  expect(room.position).toBe(at(9))
  await letGo()
  expect(told).toEqual([2])
  expect(room.position).toBe(metaOf(12).cursor)
})

it('a page of the history that is read for who has left is not said to be invalid', async () => {
  keeps([
    [{ n: 0 }, metaOf(2)],
    [{ n: 0 }, metaOf(3)],
  ])
  const room = open({ history: true })
  await spend()
  const asked = room.history().catch((error: { code: string }) => error.code)
  await spend(100)
  await changeTo(tokens.bo)
  await letGo()
  expect(await asked).toBe('REALTIME_USER_CHANGED')
  expect(told).toEqual([])
})

it('the position of a channel with schemas that is live is where it came to before what is still being read', async () => {
  let answer: (page: FeedPage) => void = () => undefined
  fake.override.since = () => new Promise((resolve) => (answer = resolve))
  const room = client.channel('room', { history: true, events: { news: slow } })
  await spend(100)
  fake.push('room', 'news', { n: 5 }, metaOf(105))
  answer({ events: [], cursor: at(100), more: false, gap: false })
  await room.ready
  await spend(100)
  expect([gates.length, room.position]).toEqual([1, at(100)])
  room.leave()
  expect(room.position).toBe(at(100))
})

it('the position in a handler of a channel with schemas knows what was told before, though it is of a later transaction', async () => {
  fake.override.since = () => ({ events: [], cursor: at(100), more: false, gap: false })
  const room = client.channel('room', { history: true, events: { news: z.object({ n: z.number() }) } })
  const positions: (string | undefined)[] = []
  room.on('news', () => positions.push(room.position))
  await room.ready
  // Two transactions at a time, of which the later one has ended first.
  const later = { ...metaOf(101), cursor: `${EPOCH}:100:102:100+101.6` }
  const earlier = { ...metaOf(100), cursor: `${EPOCH}:100:102:101+100.5` }
  for (const meta of [later, earlier]) fake.push('room', 'news', { n: 1 }, meta)
  await spend(100)
  const last = Position.of(positions[1])
  expect([later, earlier].map(({ cursor }) => last?.take(cursor))).toEqual(['known', 'known'])
})

it('a channel that was left stays where it was, whatever the others of its topic hear', async () => {
  fake.override.since = () => ({ events: [], cursor: at(100), more: false, gap: false })
  const [room, other] = [client.channel('room', { history: true }), client.channel('room', { history: true })]
  await room.ready
  room.leave()
  fake.push('room', 'news', { n: 1 }, metaOf(105))
  expect([room.position, Position.of(other.position)?.take(metaOf(105).cursor)]).toEqual([at(100), 'known'])
})
