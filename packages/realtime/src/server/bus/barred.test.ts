import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createBans } from '../admission/bans.ts'
import { createRevocations } from '../admission/revocations.ts'
import { createRuntime } from '../runtime.ts'
import { barredPieces } from './barred.ts'

it('tokens that were taken back are told once, though another server says them back meanwhile', () => {
  const revocations = createRevocations(1000, createRuntime(createManualClock(Date.now())))
  for (let n = 0; n < 600; n++) revocations.add({ sub: `u${n}` })
  const told: string[] = []
  for (const piece of barredPieces({ revocations, bans: { all: () => [] } })) {
    const { entries } = JSON.parse(piece) as { entries: { revoked: { sub: string }; at: number }[] }
    for (const { revoked, at } of entries) {
      told.push(revoked.sub)
      expect(revocations.add(revoked, at)).toBe(false)
    }
    if (told.length > 600) break
  }
  expect(told).toEqual(Array.from({ length: 600 }, (_, n) => `u${n}`))
})

it('bans are told with what is left of them when their piece is sent, and not once they are over', async () => {
  const clock = createManualClock()
  const runtime = createRuntime(clock)
  const bans = createBans(runtime)
  for (let n = 0; n < 600; n++) bans.add({ topic: 'room', sub: `u${n}` }, n % 2 === 0 ? 10_000 : 60_000)
  bans.add({ topic: 'room', sub: 'for good' }, Infinity)
  const told: [sub: string, leftMs: unknown][] = []
  for (const piece of barredPieces({ revocations: createRevocations(10, runtime), bans })) {
    const { entries } = JSON.parse(piece) as { entries: { kicked: { sub: string }; leftMs: unknown }[] }
    told.push(...entries.map(({ kicked, leftMs }): [string, unknown] => [kicked.sub, leftMs]))
    await clock.advance(20_000)
  }
  const upTo = (last: number, from = 0): number[] => Array.from({ length: last - from }, (_, n) => from + n)
  expect(told).toEqual([
    ...upTo(200).map((n) => [`u${n}`, n % 2 === 0 ? 10_000 : 60_000]),
    ...upTo(600, 200)
      .filter((n) => n % 2 === 1)
      .map((n) => [`u${n}`, 40_000]),
    ['for good', 'forever'],
  ])
})
