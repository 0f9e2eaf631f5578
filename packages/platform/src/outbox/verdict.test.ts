import { DriverError, MscError } from '@msc/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createFlights, type Flight } from './flights.ts'
import { MOST_BACKOFF_MS, verdictOf } from './verdict.ts'

it('waits longer after each failure, at random, and never longer than five minutes', () => {
  const ceilings = [1, 2, 3, 9, 10, 500].map((attempt) => verdictOf(new Error('x'), attempt, () => 0.999_999).delayMs)
  expect(ceilings).toEqual([1000, 2000, 4000, 256_000, 300_000, 300_000])
  fc.assert(
    fc.property(
      fc.anything(),
      fc.integer({ min: 1, max: 1e6 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (error, attempt, at) => {
        const { state, delayMs, error: text = '' } = verdictOf(error, attempt, () => at)
        expect(state).toBe('pending')
        expect(delayMs).toBeGreaterThanOrEqual(0)
        expect(delayMs).toBeLessThanOrEqual(MOST_BACKOFF_MS)
        expect(text.length).toBeLessThanOrEqual(500)
      },
    ),
  )
})

it('waits as long as a backend asks, within the same bound', () => {
  const asking = (retryAfterMs: number): number =>
    verdictOf(new DriverError('x', 'busy', { retryable: true, retryAfterMs }), 1, () => 0).delayMs
  expect([asking(20_000), asking(1e12), asking(Number.NaN), asking(-5)]).toEqual([20_000, 300_000, 0, 0])
})

it.each([
  [new MscError('no', { code: 'REFUSED' }), 'parked'],
  [new DriverError('x', 'no', { code: 'DRIVER_UNAUTHORIZED' }), 'parked'],
  [new MscError('no', { code: 'JOBS_CLOSED' }), 'pending'],
  [new MscError('no', { code: 'DRIVER_CLOSED' }), 'pending'],
  [new DriverError('x', 'no', { code: 'COMMIT_UNKNOWN' }), 'pending'],
  [new MscError('no', { code: 'X', retryable: true }), 'pending'],
  [{ retryable: false }, 'pending'],
  [undefined, 'pending'],
])('judges %s as %s', (error, state) => {
  expect(verdictOf(error, 1).state).toBe(state)
})

it('has room within its bounds, and gives each kind a turn', () => {
  const step = fc.record({ kind: fc.constantFrom('a', 'b', 'c'), ends: fc.boolean() })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 9 }),
      fc.array(step, { maxLength: 60 }),
      (perKind, most, steps) => {
        const flights = createFlights(['a', 'b', 'c'], perKind, most)
        for (const { kind, ends } of steps) {
          const [oldest] = flights.all
          if (ends && oldest) flights.delete(oldest)
          const places = flights.places()
          const sum = [...places.values()].reduce((all, each) => all + each, 0)
          expect(flights.all.size + sum).toBeLessThanOrEqual(most)
          for (const [each, count] of places) {
            expect(count + [...flights.all].filter(({ entry }) => entry.kind === each).length).toBeLessThanOrEqual(
              perKind,
            )
          }
          if (places.has(kind)) flights.add({ entry: { kind } } as Flight)
        }
        const first = new Set<string | undefined>()
        const idle = createFlights(['a', 'b', 'c'], perKind, 1)
        for (let turn = 0; turn < 3; turn++) first.add([...idle.places().keys()][0])
        expect(first.size).toBe(3)
      },
    ),
  )
})
