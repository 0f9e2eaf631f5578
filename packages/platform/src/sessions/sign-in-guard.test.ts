import { createCache, type Cache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { redis } from '@msc/cache/redis'
import { startRedis, type RunningRedis } from '@msc/cache/testing'
import { systemClock } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { sessionsOf, startDatabase, type TestDatabase } from './__fixtures__/set-up.ts'
import type { Sessions } from './sessions.ts'
import {
  createSignInGuard,
  type SignInGuard,
  type SignInGuardOptions,
  type SignInPlace,
  type SignInVerdict,
} from './sign-in-guard.ts'
import { growingDelays } from './sign-in-limits.ts'

describe('growing delays', () => {
  it('are windows that let five attempts through and then fewer and fewer', () => {
    expect(growingDelays().map(({ limit, windowSeconds }) => [limit, windowSeconds])).toEqual([
      [5, 60],
      [6, 180],
      [7, 420],
      [8, 900],
      [9, 1800],
      [15, 7200],
      [39, 28_800],
      [103, 86_400],
    ])
  })

  it('refuse numbers that make no delay', () => {
    for (const wrong of [{ firstSeconds: 0 }, { mostSeconds: NaN }, { free: 0 }]) {
      expect(() => growingDelays(wrong)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    }
  })

  it('end and grow for whatever numbers they are made of', () => {
    const seconds = fc.integer({ min: 1, max: 200_000 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), seconds, seconds, (free, firstSeconds, mostSeconds) => {
        const rules = growingDelays({ free, firstSeconds, mostSeconds })
        expect(rules[0]).toMatchObject({ limit: free, windowSeconds: firstSeconds })
        for (const [index, { limit, windowSeconds }] of rules.slice(1).entries()) {
          expect(windowSeconds).toBeGreaterThan(rules[index]?.windowSeconds as number)
          expect(limit).toBeGreaterThanOrEqual(rules[index]?.limit as number)
        }
      }),
    )
  })
})

describe.each(['pglite', 'postgres'] as const)('the guard of sign-ins on %s', (driver) => {
  let test: TestDatabase
  let server: RunningRedis
  let run = 0
  const caches: Cache[] = []
  const sessions: Sessions<never>[] = []
  const cacheOf = (options: Parameters<typeof createCache>[0]): Cache => {
    const cache = createCache({ onError: () => {}, ...options })
    caches.push(cache)
    return cache
  }
  const guardOf = (options: Partial<SignInGuardOptions> = {}) => {
    const clock = createManualClock()
    const { rateLimit } = cacheOf({ driver: memory(), clock })
    const guard = createSignInGuard({
      database: test.database,
      rateLimit,
      // The manual clock ends no deadline.
      clock: { ...clock, setTimeout: systemClock.setTimeout, monotonic: systemClock.monotonic },
      onError: () => {},
      ...options,
    })
    run += 1
    return { guard, clock, owner: { account: `owner${run}@a.example`, address: `192.0.2.${run}` } }
  }
  const strangers = (account: string, count: number, guard: SignInGuard): Promise<SignInVerdict[]> =>
    Promise.all(Array.from({ length: count }, (_, i) => guard.check({ account, address: `198.51.${run}.${i}` })))
  const allowed = (verdicts: readonly SignInVerdict[]): number => verdicts.filter((each) => each.allowed).length

  beforeAll(async () => {
    ;[test, server] = await Promise.all([startDatabase(driver), startRedis()])
  })
  afterEach(async () => {
    vi.restoreAllMocks()
    await Promise.all([...caches.splice(0), ...sessions.splice(0)].map((each) => each.close()))
  })
  afterAll(async () => {
    await test?.close()
    await server?.close()
  })

  it.each(['memory', 'Redis'])(
    'allows five attempts on an account from many addresses at once, counted in %s',
    async (store) => {
      const { guard, owner } = guardOf(
        store === 'Redis'
          ? { rateLimit: cacheOf({ driver: redis({ url: `redis://127.0.0.1:${server.port}` }) }).rateLimit }
          : {},
      )
      const verdicts = await strangers(owner.account, 40, guard)
      expect(allowed(verdicts)).toBe(5)
      expect(verdicts.find((each) => !each.allowed)).toMatchObject({ retryAfterMs: expect.any(Number) })
      // Other names of the account are the same account.
      for (const name of [` ${owner.account.toUpperCase()}`, owner.account.replaceAll('i', 'İ')]) {
        expect(await guard.check({ account: name, address: '203.0.113.9' })).toMatchObject({ allowed: false })
      }
    },
  )

  it('makes whoever goes on wait for longer and longer, up to fifteen minutes', async () => {
    const { guard, clock, owner } = guardOf()
    const waits: number[] = []
    let waited = 0
    const from = clock.now()
    while (clock.now() - from < 86_400_000) {
      const verdict = await guard.check(owner)
      if (verdict.allowed) {
        waits.push(waited)
        waited = 0
        continue
      }
      expect(verdict.retryAfterMs).toBeGreaterThan(0)
      waited += verdict.retryAfterMs
      await clock.advance(verdict.retryAfterMs)
    }
    const mean = (of: readonly number[]): number => of.reduce((sum, each) => sum + each, 0) / of.length / 60_000
    expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0])
    expect(mean(waits.slice(5, 8))).toBeGreaterThan(1)
    expect(mean(waits.slice(15))).toBeGreaterThan(10)
    // Two windows of a day meet.
    expect(waits.length).toBeLessThan(125)
  })

  it('keeps nobody out who signs in from where they have signed in before', async () => {
    const { guard, owner } = guardOf()
    await guard.succeeded(owner)
    expect(allowed(await strangers(owner.account, 50, guard))).toBe(5)
    // Not even by attempts on other accounts from the same address.
    for (let i = 0; i < 40; i++) await guard.check({ account: `other${i}`, address: owner.address })
    for (let i = 0; i < 5; i++)
      expect(await guard.check(owner)).toMatchObject({ allowed: true, place: { preferred: true } })
    expect(await guard.check(owner)).toMatchObject({ allowed: false })
  })

  it('tells who is known, and counts no attempt for which there is no room', async () => {
    const { guard, owner } = guardOf()
    const asked: SignInPlace[] = []
    const hasRoom = (place: SignInPlace): boolean => {
      asked.push(place)
      return false
    }
    for (let i = 0; i < 20; i++) {
      expect(await guard.check(owner, { hasRoom })).toEqual({ allowed: false, retryAfterMs: 2000 })
    }
    expect(await guard.check(owner, { hasRoom: () => true })).toMatchObject({
      allowed: true,
      place: { preferred: false },
    })
    await guard.succeeded(owner)
    await guard.check(owner, { hasRoom })
    await guard.check({ ...owner, address: '203.0.113.77' }, { hasRoom })
    expect(asked.map(({ preferred }) => preferred)).toEqual([...Array.from({ length: 20 }, () => false), true, false])
    // By address, by account, by another address.
    expect(new Set(asked.map((place) => place.client)).size).toBe(3)
    const throwing = (): never => {
      throw new Error('no')
    }
    expect(await guard.check(owner, { hasRoom: throwing })).toMatchObject({ allowed: true, place: { preferred: true } })
  })

  it('makes nobody wait for having signed in, however often, and counts wrong passwords anew after each', async () => {
    const { guard, owner } = guardOf()
    for (let i = 0; i < 20; i++) {
      expect(await guard.check(owner)).toMatchObject({ allowed: true })
      await guard.succeeded(owner)
    }
    for (let i = 0; i < 5; i++)
      expect(await guard.check(owner)).toMatchObject({ allowed: true, place: { preferred: true } })
    expect(await guard.check(owner)).toMatchObject({ allowed: false })
  })

  it('limits one address on many accounts, and takes a whole /64 for one', async () => {
    const { guard } = guardOf()
    const verdicts = await Promise.all(
      Array.from({ length: 60 }, (_, i) => guard.check({ account: `${run}-${i}`, address: `2001:db8:${run}::${i}` })),
    )
    expect(allowed(verdicts)).toBe(20)
  })

  it('takes an unknown address for none, since all who are unknown would share it', async () => {
    const { guard } = guardOf()
    for (let i = 0; i < 60; i++) {
      expect(await guard.check({ account: `${run}-unknown-${i}`, address: 'unknown' })).toMatchObject({
        allowed: true,
        place: { preferred: false },
      })
    }
  })

  it('keeps no name of an account in the store of the limiter', async () => {
    const ids: string[] = []
    const { guard, owner } = guardOf({
      rateLimit: async (id) => {
        ids.push(id)
        return { allowed: true, limit: 1, remaining: 1, windowSeconds: 60, resetAt: 0, retryAfter: 0 }
      },
    })
    await guard.check(owner)
    await guard.succeeded(owner)
    await guard.check(owner)
    expect(ids).toHaveLength(3)
    for (const id of ids) expect(id).toMatch(/^sign-in:(?:address|account|known):[\da-f]{64}$/)
  })

  it.each([
    ['fails', () => Promise.reject(new Error('no'))],
    ['answers nonsense', () => Promise.resolve({} as never)],
    ['never answers', () => new Promise<never>(() => {})],
  ])('counts within the process when the limiter %s', async (_, rateLimit) => {
    const onError = vi.fn()
    const { guard, owner } = guardOf({ rateLimit, onError, timeoutMs: 1000 })
    expect(allowed(await strangers(owner.account, 30, guard))).toBe(5)
    expect(onError).toHaveBeenCalled()
  })

  it('keeps its counts whatever a limiter forgets', async () => {
    const forgetful = async () => ({
      allowed: true,
      limit: 1,
      remaining: 1,
      windowSeconds: 60,
      resetAt: 0,
      retryAfter: 0,
    })
    const { guard, owner } = guardOf({ rateLimit: forgetful })
    expect(allowed(await strangers(owner.account, 20, guard))).toBe(5)
  })

  it('counts within the process while Redis is silent', async () => {
    const { rateLimit } = cacheOf({ driver: redis({ url: `redis://127.0.0.1:${server.port}` }), timeoutMs: 100 })
    const { guard, owner } = guardOf({ rateLimit })
    await guard.check({ account: 'warm', address: undefined })
    server.pause()
    try {
      expect(allowed(await strangers(owner.account, 30, guard))).toBe(5)
    } finally {
      server.resume()
    }
  })

  it('goes on without the database, and then takes every address for strange', async () => {
    const away = { ...test.database, asService: () => Promise.reject(new Error('away')) } as typeof test.database
    const onError = vi.fn()
    const { guard, owner } = guardOf({ database: away, onError })
    expect(await guard.check(owner)).toMatchObject({ allowed: true, place: { preferred: false } })
    await guard.succeeded(owner)
    await guard.failed(owner)
    expect(onError).toHaveBeenCalledTimes(3)
    await expect(guard.recentFailures()).rejects.toThrow('away')
  })

  it('writes failures down for administrators, page by page', async () => {
    const { guard, owner } = guardOf()
    for (let i = 0; i < 5; i++) await guard.failed({ ...owner, reason: `r${i}` })
    await guard.failed({ account: `a\0${'x'.repeat(500)}`, address: undefined })
    const first = await guard.recentFailures({ limit: 4 })
    expect(first.failures.map(({ reason }) => reason)).toEqual(['credentials', 'r4', 'r3', 'r2'])
    expect(first.failures[0]).toMatchObject({ account: `a\ufffd${'x'.repeat(252)}`, address: undefined })
    expect(first.failures[1]).toMatchObject({ account: owner.account, address: owner.address, at: expect.any(Number) })
    // What fails meanwhile moves no page.
    await guard.failed(owner)
    const second = await guard.recentFailures({ limit: 2, before: first.next })
    expect(second).toMatchObject({ failures: [{ reason: 'r1' }, { reason: 'r0' }], next: undefined })
    for (const before of ['x', '-1', `1${'0'.repeat(30)}`, "1'"]) {
      await expect(guard.recentFailures({ before })).rejects.toMatchObject({ code: 'SIGN_IN_CURSOR_INVALID' })
    }
  })

  it('has old failures, too many of them, and old addresses removed', async () => {
    const clock = createManualClock()
    const { guard, owner } = guardOf()
    await guard.failed({ ...owner, reason: 'old' })
    await guard.failed({ ...owner, reason: 'new' })
    await guard.succeeded(owner)
    const change = (text: string): Promise<unknown> => test.database.asService((tx) => tx.query(text))
    await change(`update msc_sessions.failed_sign_ins set at = now() - interval '91 days' where reason = 'old'`)
    await change(`update msc_sessions.known_addresses set seen_at = now() - interval '91 days'`)
    const own = sessionsOf(sessions as never, test.database, { clock, timeoutMs: 3_600_000 })
    await own.open()
    await clock.advance(61_000)
    await vi.waitFor(async () => {
      const { failures } = await guard.recentFailures({ limit: 200 })
      expect(failures.map(({ reason }) => reason)).not.toContain('old')
      expect(failures.map(({ reason }) => reason)).toContain('new')
      expect(await change('select 1 from msc_sessions.known_addresses')).toEqual([])
    }, 10_000)
  })

  it('remembers the fifty addresses of an account that were used last', async () => {
    const { guard, owner } = guardOf()
    for (let i = 0; i < 60; i++) await guard.succeeded({ ...owner, address: `203.0.113.${i}` })
    const [row] = await test.database.asService((tx) =>
      tx.query<{ most: number }>(
        'select max(count)::int as most from (select count(*) from msc_sessions.known_addresses group by account_hash) as counts',
      ),
    )
    expect(row?.most).toBe(50)
  })
})
