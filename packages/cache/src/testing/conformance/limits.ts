import { describe, expect, it } from 'vitest'
import type { LimitRule } from '../../coordination.ts'
import { failureOf, withCoordination, type Suite } from './setup.ts'

const HOUR = 3_600_000

export function testLimits(suite: Suite): void {
  const { key, signal } = suite

  describe.each(['fixed', 'sliding', 'token-bucket'] as const)('limits: %s', (algorithm) => {
    const rule = (name: string, limit: number, windowMs = HOUR): LimitRule => ({
      key: key(name),
      algorithm,
      limit,
      windowMs,
    })

    it(
      'never admits more than the limit, however many ask at once',
      withCoordination(suite, async ({ one, other }) => {
        const answers = await Promise.all(
          Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? one : other).consume([rule('id', 25)], 1, signal)),
        )
        const verdicts = answers.flatMap((answer) => answer.verdicts)
        expect(verdicts.filter(({ allowed }) => allowed).length).toBe(25)
        const left = verdicts.filter(({ allowed }) => allowed).map(({ remaining }) => remaining)
        expect(left.sort((a, b) => a - b)).toEqual(Array.from({ length: 25 }, (_, i) => i))
      }),
    )

    it(
      'says how long to wait, in whole milliseconds of the store',
      withCoordination(suite, async ({ one }) => {
        const allowed = await one.consume([rule('id', 1)], 1, signal)
        expect(Number.isInteger(allowed.now)).toBe(true)
        const [first] = allowed.verdicts
        expect({ allowed: first?.allowed, remaining: first?.remaining, waitMs: first?.waitMs }).toEqual({
          allowed: true,
          remaining: 0,
          waitMs: 0,
        })
        const [second] = (await one.consume([rule('id', 1)], 1, signal)).verdicts
        expect({ allowed: second?.allowed, remaining: second?.remaining }).toEqual({ allowed: false, remaining: 0 })
        for (const ms of [first?.resetMs, second?.resetMs, second?.waitMs]) {
          expect(Number.isInteger(ms)).toBe(true)
          expect(ms as number).toBeGreaterThan(0)
          expect(ms as number).toBeLessThanOrEqual(2 * HOUR)
        }
      }),
    )

    it(
      'counts a call for all rules or for none',
      withCoordination(suite, async ({ one, other }) => {
        const rules = [rule('wide', 10), rule('narrow', 2)]
        for (const expected of [true, true, false, false]) {
          const { verdicts } = await one.consume(rules, 1, signal)
          expect(verdicts.every(({ allowed }) => allowed)).toBe(expected)
        }
        // A look costs nothing, and what was denied by one has not been counted by the other.
        for (let i = 0; i < 3; i++) {
          expect((await other.consume([rule('wide', 10)], 0, signal)).verdicts[0]?.remaining).toBe(8)
        }
        expect((await other.consume([rule('wide', 10)], 8, signal)).verdicts[0]?.allowed).toBe(true)
        expect((await other.consume([rule('wide', 10)], 1, signal)).verdicts[0]?.allowed).toBe(false)
      }),
    )

    it(
      'allows as much again when its time has come',
      withCoordination(suite, async ({ one, pass }) => {
        const brief = rule('id', 2, 300)
        const { verdicts } = await one.consume([brief], 2, signal)
        await pass((verdicts[0]?.resetMs ?? 0) + 20)
        expect((await one.consume([brief], 2, signal)).verdicts[0]?.allowed).toBe(true)
      }),
    )

    it(
      'counts nothing for a call that was given up before it began',
      withCoordination(suite, async ({ one }) => {
        const gone = AbortSignal.abort(new Error('given up'))
        expect(String(await failureOf(() => one.consume([rule('id', 1)], 1, gone)))).toBe('Error: given up')
        expect((await one.consume([rule('id', 1)], 1, signal)).verdicts[0]?.allowed).toBe(true)
      }),
    )
  })
}
