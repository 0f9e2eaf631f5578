import { describe, expect, it } from 'vitest'
import type { LeaseClaim } from '../../coordination.ts'
import { failureOf, scanAll, withCoordination, type Suite } from './setup.ts'

let claims = 0

export function testLeases(suite: Suite): void {
  const { key, signal } = suite
  const claim = (name = 'load'): LeaseClaim => ({
    key: key(name),
    lease: key(`lease:${name}`),
    token: `token ${(claims += 1)}`,
  })

  describe('leases', () => {
    it(
      'gives a lease to one claim at a time, with what is stored',
      withCoordination(suite, async ({ driver, one, other }) => {
        expect(await one.acquire(claim(), 60_000, signal)).toEqual({ state: 'mine', value: undefined })
        await driver.set(key('load'), 'meanwhile', 60_000, signal)
        expect(await other.acquire(claim(), 60_000, signal)).toEqual({ state: 'taken', value: 'meanwhile' })
        expect(await one.acquire(claim('another'), 60_000, signal)).toEqual({ state: 'mine', value: undefined })
      }),
    )

    it(
      'never has two owners, however many claim it at once',
      withCoordination(suite, async ({ one, other }) => {
        for (let round = 0; round < 5; round++) {
          const name = `round ${round}`
          const answers = await Promise.all(
            Array.from({ length: 30 }, (_, i) => (i % 2 === 0 ? one : other).acquire(claim(name), 60_000, signal)),
          )
          expect(answers.filter(({ state }) => state === 'mine').length).toBe(1)
        }
      }),
    )

    it(
      'writes the value of the holder, with its own time, and frees the lease',
      withCoordination(suite, async ({ driver, one, other, pass }) => {
        const mine = claim()
        await one.acquire(mine, 60_000, signal)
        expect(await one.commit(mine, 'loaded', 150, signal)).toBe(true)
        const next = claim()
        expect(await other.acquire(next, 60_000, signal)).toEqual({ state: 'mine', value: 'loaded' })
        expect(await one.commit(mine, 'twice', 60_000, signal)).toBe(false)
        await pass(250)
        expect(await driver.get(key('load'), signal)).toBeUndefined()
        expect(await other.renew(next, 60_000, signal)).toBe(true)
      }),
    )

    it(
      'lets no holder whose lease has expired write, renew or release',
      withCoordination(suite, async ({ driver, one, other, pass }) => {
        const stale = claim()
        await one.acquire(stale, 150, signal)
        await pass(250)
        expect(await one.commit(stale, 'too late', 60_000, signal)).toBe(false)
        const next = claim()
        expect((await other.acquire(next, 60_000, signal)).state).toBe('mine')
        expect(await one.commit(stale, 'too late', 60_000, signal)).toBe(false)
        expect(await one.renew(stale, 60_000, signal)).toBe(false)
        expect(await one.release(stale, 60_000, signal)).toBe(false)
        expect(await driver.get(key('load'), signal)).toBeUndefined()
        expect(await other.commit(next, 'in time', 60_000, signal)).toBe(true)
        expect(await driver.get(key('load'), signal)).toBe('in time')
      }),
    )

    it(
      'keeps a lease that is renewed',
      withCoordination(suite, async ({ one, other, pass }) => {
        const mine = claim()
        await one.acquire(mine, 400, signal)
        expect(await one.renew(mine, 60_000, signal)).toBe(true)
        await pass(500)
        expect((await other.acquire(claim(), 60_000, signal)).state).toBe('taken')
        expect(await one.commit(mine, 'loaded', 60_000, signal)).toBe(true)
      }),
    )

    it(
      'says for a while that a load has failed, and frees the lease at once where none has',
      withCoordination(suite, async ({ one, other, pass }) => {
        const failing = claim()
        await one.acquire(failing, 60_000, signal)
        expect(await one.release(failing, 400, signal)).toBe(true)
        expect((await other.acquire(claim(), 60_000, signal)).state).toBe('failed')
        // Nobody holds the lease, the one that has failed least of all.
        expect(await one.commit(failing, 'after all', 60_000, signal)).toBe(false)
        await pass(500)
        const next = claim()
        expect((await other.acquire(next, 60_000, signal)).state).toBe('mine')
        expect(await other.release(next, 0, signal)).toBe(true)
        expect((await one.acquire(claim(), 60_000, signal)).state).toBe('mine')
      }),
    )

    it(
      'keeps a lease where scan finds it and delete ends it',
      withCoordination(suite, async ({ driver, one, other }) => {
        const mine = claim()
        await one.acquire(mine, 60_000, signal)
        expect(await scanAll(driver, key('lease:*'), signal)).toEqual([mine.lease])
        expect(await driver.delete([mine.lease], signal)).toBe(1)
        expect(await one.commit(mine, 'overtaken', 60_000, signal)).toBe(false)
        expect(await other.acquire(claim(), 60_000, signal)).toEqual({ state: 'mine', value: undefined })
      }),
    )

    it(
      'does nothing for a call that was given up before it began',
      withCoordination(suite, async ({ driver, one }) => {
        const gone = AbortSignal.abort(new Error('given up'))
        const mine = claim()
        expect(String(await failureOf(() => one.acquire(mine, 60_000, gone)))).toBe('Error: given up')
        expect((await one.acquire(mine, 60_000, signal)).state).toBe('mine')
        expect(String(await failureOf(() => one.commit(mine, 'v', 60_000, gone)))).toBe('Error: given up')
        expect(String(await failureOf(() => one.release(mine, 0, gone)))).toBe('Error: given up')
        expect(String(await failureOf(() => one.renew(mine, 1, gone)))).toBe('Error: given up')
        expect(await driver.get(key('load'), signal)).toBeUndefined()
        expect(await one.commit(mine, 'v', 60_000, signal)).toBe(true)
      }),
    )
  })
}
