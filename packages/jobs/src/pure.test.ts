import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCron } from './cron-pattern.ts'
import { isAlive, ownerId } from './owner.ts'
import { isPath, valueAt } from './paths.ts'
import type { RunInfo } from './driver.ts'
import { runBreadcrumbs } from './run-breadcrumbs.ts'
import { createStepKeys } from './step-keys.ts'
import { invokedId, isRunOf } from './store.ts'

describe('step keys', () => {
  it('are never the same in one pass, and the same in the next', () => {
    const ids = fc.array(fc.constantFrom('a', 'a:1', 'a:2', 'a:1:1', 'b'), { maxLength: 40 })
    fc.assert(
      fc.property(ids, (given) => {
        const keys = given.map(createStepKeys())
        expect(new Set(keys).size).toBe(keys.length)
        expect(given.map(createStepKeys())).toEqual(keys)
      }),
    )
  })
})

describe('ids of runs', () => {
  it('tell each event’s runs and their replays from all others, and no two things have one', () => {
    const name = fc.array(fc.constantFrom('a', 'j', '.', '~', '/', '%', '2E'), { minLength: 1, maxLength: 6 })
    const text = name.map((signs) => signs.join(''))
    const job = fc.constantFrom('j', 'a', 'a-j')
    const replays = fc.array(fc.constantFrom('0a', '1b'), { maxLength: 2 })
    const started = fc.record({ event: text, job, replays })
    const idOf = ({ event, job: of, replays: signs }: { event: string; job: string; replays: string[] }): string =>
      [`${event}.${of}`, ...signs].join('~')
    fc.assert(
      fc.property(started, started, text, text, job, (one, other, event, key, child) => {
        expect(isRunOf({ id: idOf(one), job: one.job }, event)).toBe(one.event === event)
        expect(isRunOf({ id: idOf(one), job: one.job }, one.event)).toBe(true)
        if (idOf(one) === idOf(other)) expect(one).toEqual(other)
        for (const id of [invokedId(idOf(one), key), `${invokedId(idOf(one), key)}~0a`]) {
          expect(isRunOf({ id, job: child }, event)).toBe(false)
          // The longest event that the id could be of.
          expect(isRunOf({ id, job: child }, id.slice(0, -child.length - 1))).toBe(false)
          expect(id).not.toBe(idOf(other))
        }
        expect(invokedId(idOf(one), key)).not.toBe(invokedId(idOf(one), `${key}.`))
      }),
      { numRuns: 5000 },
    )
  })
})

describe('paths', () => {
  it('give back what is there, and nothing for what is inherited', () => {
    const event = { id: 'e', name: 'n', data: { user: { id: 7 }, list: ['a'] }, ts: 1 }
    expect(valueAt(event, 'data.user.id')).toBe(7)
    expect(valueAt(event, 'data.list.0')).toBe('a')
    for (const path of ['data.user.name', 'data.user.id.no', 'data.constructor', 'data.__proto__']) {
      expect([path, valueAt(event, path)]).toEqual([path, undefined])
    }
  })
  it.each(['', 'data.', '.data', 'data..id', 'data id'])('refuse %j', (path) => {
    expect(isPath(path)).toBe(false)
  })
})

describe('owners', () => {
  it('are alive as long as their process, and never the same', () => {
    expect(isAlive(ownerId())).toBe(true)
    expect(ownerId()).not.toBe(ownerId())
  })
  it('are gone when their process is, or its pid is somebody else’s', () => {
    const [host, , start] = ownerId().split('/')
    expect(isAlive(`${host}/4194305/${start}/x`)).toBe(false)
    expect(isAlive(`${host}/${process.pid}/1/x`)).toBe(false)
  })
  it('of another machine, or in a form that nobody knows, are left to their leases', () => {
    for (const owner of ['elsewhere/1/1/x', '', 'x', `${ownerId().split('/')[0]}/no/1/x`]) {
      expect([owner, isAlive(owner)]).toEqual([owner, true])
    }
  })
})

describe('cron patterns', () => {
  it('follow their zone through a change of the clocks', () => {
    const berlin = parseCron({ cron: '30 2 * * *', timezone: 'Europe/Berlin' })
    const next = (from: string): string | undefined => berlin.nextRun(new Date(from))?.toISOString()
    expect(next('2026-07-01T12:00:00Z')).toBe('2026-07-02T00:30:00.000Z')
    expect(next('2026-12-01T12:00:00Z')).toBe('2026-12-02T01:30:00.000Z')
  })
  it.each([
    ['61 * * * *', 'UTC'],
    ['not a pattern', 'UTC'],
    ['0 0 * * *', 'Mars/Olympus'],
  ])('refuse %j in %s', (cron, timezone) => {
    expect(() => parseCron({ cron, timezone })).toThrow(expect.objectContaining({ name: 'ConfigError' }))
  })
})

describe('breadcrumbs of a run', () => {
  it('are its steps by the time they ended, without their outputs', () => {
    const run: RunInfo = {
      id: 'r',
      job: 'j',
      event: { id: 'e', name: 'n', data: {}, ts: 1 },
      status: 'failed',
      attempt: 1,
      createdAt: 1,
      steps: [
        { id: 'slow', status: 'completed', attempts: 1, startedAt: 2, endedAt: 9, output: 'secret' },
        { id: 'quick', status: 'failed', attempts: 3, startedAt: 3, endedAt: 5, error: { name: 'E', message: 'no' } },
      ],
    }
    const breadcrumbs = runBreadcrumbs(run)
    expect(breadcrumbs.map(({ timestamp, message, level }) => [timestamp, message, level])).toEqual([
      [5, 'quick → failed', 'error'],
      [9, 'slow → completed', 'info'],
    ])
    expect(JSON.stringify(breadcrumbs)).not.toContain('secret')
  })

  it.each([undefined, null, 'r', {}, { job: 'j' }, []])('are none of %j, which is no run', (other: unknown) => {
    expect(runBreadcrumbs(other)).toBeUndefined()
  })
})
