import { expect, it } from 'vitest'
import { deferred } from '../../base/promises.ts'
import type { FeedPageJson } from '../../feed/page.ts'
import type { FeedSource } from '../../feed/source.ts'
import { historyFrom } from '../history/from-options.ts'
import { createRooms } from '../rooms/rooms.ts'
import { createTurns } from './turns.ts'

const always = (): boolean => true
const PAGE: FeedPageJson = { gap: false, more: false, cursor: '', events: [] }

it('streams read eight at a time, each in its turn, and one that fails holds up no other', async () => {
  const turns = createTurns()
  const gates = Array.from({ length: 20 }, () => deferred<number>())
  let reading = 0
  let most = 0
  const all = gates.map(({ promise }) =>
    turns.read(always, (ask) =>
      ask(async () => {
        reading += 1
        most = Math.max(most, reading)
        return promise.finally(() => (reading -= 1))
      }),
    ),
  )
  const settled = Promise.allSettled(all)
  await Promise.resolve()
  expect(reading).toBe(8)
  for (const [n, gate] of gates.entries()) {
    if (n % 3 === 0) gate.reject(new Error(`${n} is late`))
    else gate.resolve(n)
  }
  expect((await settled).map(({ status }) => status)).toEqual(
    gates.map((_gate, n) => (n % 3 === 0 ? 'rejected' : 'fulfilled')),
  )
  expect([most, reading]).toEqual([8, 0])
  expect(await turns.read(always, (ask) => ask(async () => 'again'))).toBe('again')
})

it('a turn spans a statement alone: whatever else a read waits for holds up no other', async () => {
  const turns = createTurns()
  const announced = deferred<void>()
  const asked: number[] = []
  const all = Array.from({ length: 20 }, (_, n) =>
    turns.read(always, async (ask) => {
      await ask(async () => asked.push(n))
      await announced.promise
      return n
    }),
  )
  await expect.poll(() => asked).toEqual(Array.from({ length: 20 }, (_, n) => n))
  announced.resolve()
  expect(await Promise.all(all)).toEqual(asked)
})

it('nothing is asked for who is gone when the turn has come, and the others have theirs', async () => {
  const turns = createTurns()
  const gate = deferred<void>()
  const asked: number[] = []
  let areThere = true
  const all = Array.from({ length: 30 }, (_, n) =>
    turns.read(n === 29 ? always : () => areThere, (ask) =>
      ask(async () => {
        asked.push(n)
        await gate.promise
        return n
      }),
    ),
  )
  await expect.poll(() => asked.length).toBe(8)
  areThere = false
  gate.resolve()
  expect((await Promise.all(all)).filter((each) => each !== undefined)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 29])
  expect(asked).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 29])
  expect(
    await turns.read(
      () => false,
      async () => asked.push(30),
    ),
  ).toBe(undefined)
  expect(asked.length).toBe(9)
})

it.each(['since', 'latest'] as const)('what a history reads by `%s` has the turn of its reader', async (how) => {
  const turns = createTurns()
  const gate = deferred<void>()
  let asked = 0
  const statement = async (): Promise<FeedPageJson> => {
    asked += 1
    await gate.promise
    return PAGE
  }
  const feeds = {
    keeping: {
      keptSince: async (_topic, _private, _after, _max, ask) => ask?.(statement) ?? statement(),
      latest: async (_topic, _private, _wish, ask) => ask?.(statement) ?? statement(),
    },
  } as FeedSource
  const history = historyFrom([{ topics: 'room:*' }], turns.over(feeds), createRooms())
  const read = async (): Promise<FeedPageJson | undefined> =>
    how === 'since' ? history?.since('room:1', false, undefined) : history?.latest('room:1', false, {})
  let areThere = true
  const all = Array.from({ length: 20 }, () => turns.read(() => areThere, read))
  await expect.poll(() => asked).toBe(8)
  // Who is no stream waits for none of them.
  const other = read()
  expect(asked).toBe(9)
  areThere = false
  gate.resolve()
  expect((await Promise.all(all)).filter((page) => page !== undefined).length).toBe(8)
  expect(await other).toEqual(PAGE)
  expect(asked).toBe(9)
})
