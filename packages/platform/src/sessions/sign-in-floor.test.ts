import { judgeCall, type RateLimitRule, type RuleState } from '@msc/cache'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createFloor } from './sign-in-floor.ts'
import { growingDelays } from './sign-in-limits.ts'

const hash = (n: number): string => (Math.imul(n + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')

/** Counts each id for itself, for ever. */
function exact() {
  const known = new Map<string, readonly RuleState[]>()
  return {
    judge: (id: string, rules: readonly RateLimitRule[], now: number) =>
      rules.map((rule, index) => judgeCall(rule, known.get(id)?.[index], 1, now)),
    keep: (id: string, states: readonly RuleState[]): void => void known.set(id, states),
  }
}

it.each([
  ['growing delays', growingDelays()],
  [
    'fixed windows and buckets',
    [
      { limit: 3, windowSeconds: 60 },
      { limit: 6, windowSeconds: 600, algorithm: 'token-bucket' as const },
    ],
  ],
])('allows no attempt that an exact count would refuse, whatever it is flooded with: %s', async (_, rules) => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ attempt: fc.integer({ min: 0, max: 3 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        flood: fc.integer({ min: 1, max: 20 }),
        from: fc.nat(50),
        times: fc.integer({ min: 1, max: 6 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ seconds: fc.integer({ min: 1, max: 400 }) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const clock = createManualClock()
      const floor = createFloor(clock, { mostIds: 6, buckets: 4 })
      const model = exact()
      const attempt = (id: string): void => {
        const verdicts = model.judge(id, rules, clock.now())
        if (floor.wait(id, rules) > 0) return
        expect(verdicts.every(({ allowed }) => allowed)).toBe(true)
        model.keep(
          id,
          verdicts.map(({ next }) => next),
        )
      }
      for (const each of steps) {
        if ('attempt' in each) attempt(`victim:${hash(each.attempt)}`)
        else if ('seconds' in each) await clock.advance(each.seconds * 1000)
        else
          for (let n = 0; n < each.flood * each.times; n++) {
            attempt(`flood:${hash(1000 + each.from + (n % each.flood))}`)
          }
        expect(floor.size).toBeLessThanOrEqual(10)
      }
    }),
    { numRuns: 200 },
  )
})

it('keeps the counts of what is attacked while a hundred thousand names come by, within its bounds', () => {
  const floor = createFloor(createManualClock())
  const rules = growingDelays()
  const victim = `account:${hash(7)}`
  for (let i = 0; i < 5; i++) expect(floor.wait(victim, rules)).toBe(0)
  for (let n = 0; n < 100_000; n++) floor.wait(`account:${hash(n + 10)}`, rules)
  expect(floor.wait(victim, rules)).toBeGreaterThan(0)
  expect(floor.size).toBeLessThanOrEqual(26_384)
})

it('lets a new account in, also after more names than it holds', () => {
  const floor = createFloor(createManualClock())
  const rules = growingDelays()
  for (let n = 0; n < 40_000; n++) floor.wait(`account:${hash(n)}`, rules)
  let refused = 0
  for (let n = 0; n < 1000; n++) if (floor.wait(`account:${hash(1_000_000 + n)}`, rules) > 0) refused += 1
  expect(refused).toBeLessThan(100)
})

it('refuses nobody for a clock that was wrong', async () => {
  let offset = 30 * 86_400_000
  const clock = createManualClock()
  const floor = createFloor({ ...clock, now: () => clock.now() + offset })
  const rules = growingDelays()
  for (let i = 0; i < 6; i++) floor.wait(`a:${hash(1)}`, rules)
  offset = 0
  expect(floor.wait(`a:${hash(1)}`, rules)).toBe(0)
})
