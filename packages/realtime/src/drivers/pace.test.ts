import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPace } from './pace.ts'

it('does no more than five things in any thirty seconds, the first five at once, and the last one in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(12_000), { minLength: 1, maxLength: 40 }), async (pauses) => {
      const clock = createManualClock(0)
      const pace = createPace(5, 30_000, clock)
      const done: (readonly [n: number, at: number])[] = []
      for (const [n, pause] of pauses.entries()) {
        await clock.advance(pause)
        await pace.run(async () => void done.push([n, clock.monotonic()]))
        if (n < 5) expect(done).toHaveLength(n + 1)
      }
      await clock.advance(30_000)
      expect(done.at(-1)?.[0]).toBe(pauses.length - 1)
      for (const [, at] of done) {
        expect(done.filter(([, other]) => other >= at && other < at + 30_000).length).toBeLessThanOrEqual(5)
      }
      const order = done.map(([n]) => n)
      expect(order).toEqual(order.toSorted((a, b) => a - b))
    }),
    { numRuns: 100 },
  )
})

it('hands on what fails at once, swallows what nobody waits for, and does nothing once it is closed', async () => {
  const clock = createManualClock(0)
  const pace = createPace(1, 1000, clock)
  await expect(pace.run(() => Promise.reject(new Error('refused')))).rejects.toThrow('refused')
  await pace.run(() => Promise.reject(new Error('later')))
  await clock.advance(1000)
  let done = 0
  await pace.run(async () => void (done += 1))
  pace.close()
  await clock.advance(5000)
  expect(done).toBe(0)
})
