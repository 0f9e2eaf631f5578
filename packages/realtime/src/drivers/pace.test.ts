import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPace } from './pace.ts'

it('lets no more than five through in any thirty seconds, as Supabase wants it of presence, and nobody waits for long', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(12_000), { minLength: 1, maxLength: 30 }), async (pauses) => {
      const clock = createManualClock(0)
      const pace = createPace(2, 9000, clock)
      const through: number[] = []
      for (const pause of pauses) {
        await clock.advance(pause)
        const asked = clock.monotonic()
        const done: true[] = []
        const turn = pace(new AbortController().signal).then(() => done.push(true))
        while (done.length === 0) {
          await clock.advance(250)
          expect(clock.monotonic() - asked).toBeLessThan(10_000)
        }
        await turn
        through.push(clock.monotonic())
      }
      for (const at of through) {
        expect(through.filter((other) => other >= at && other < at + 30_000).length).toBeLessThanOrEqual(5)
      }
    }),
    { numRuns: 50 },
  )
})

it('stops waiting when it is told to', async () => {
  const clock = createManualClock(0)
  const pace = createPace(1, 1000, clock)
  const ending = new AbortController()
  await pace(ending.signal)
  const late = pace(ending.signal)
  ending.abort(new Error('left'))
  await expect(late).rejects.toThrow('left')
})
