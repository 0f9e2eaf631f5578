import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createRuntime } from '../runtime.ts'
import { createBans } from './bans.ts'

const claims = { role: 'authenticated', sub: 'ana', exp: 2_000_000_000 }

it('a ban that is heard again ends when it would have, by whichever way it is heard and however long that takes', async () => {
  const clock = createManualClock()
  const [here, there] = [createBans(createRuntime(clock)), createBans(createRuntime(clock))]
  expect(here.add({ topic: 't', sub: 'ana' }, 5000, 'k1')).toBe(true)
  for (let n = 0; n < 4; n++) {
    // Each tells the other what is left, which takes a second.
    for (const [from, to] of [
      [here, there],
      [there, here],
    ] as const) {
      const told = [...from.all()].map(([kicked, leftMs, id]) => [kicked, leftMs(), id] as const)
      await clock.advance(500)
      for (const [kicked, leftMs, id] of told) to.add(kicked, leftMs, id)
    }
  }
  await clock.advance(1500)
  expect([here, there].map((bans) => bans.left(claims, 't', false))).toEqual([0, 0])
  // What is told of it now has been on its way since before it ended.
  expect(there.add({ topic: 't', sub: 'ana' }, 300, 'k1')).toBe(false)
  expect(there.left(claims, 't', false)).toBe(0)
  // Another one of the same user is another one.
  expect(there.add({ topic: 't', sub: 'ana' }, 300, 'k2')).toBe(true)
  expect(there.left(claims, 't', false)).toBe(300)
})
