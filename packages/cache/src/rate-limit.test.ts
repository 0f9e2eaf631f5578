import { onTelemetry } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { Redis as UpstashRedis } from '@upstash/redis'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCache } from './create-cache.ts'
import type { CacheCoordination } from './coordination.ts'
import type { CacheDriver } from './driver.ts'
import { memory } from './drivers/memory.ts'
import { redis } from './drivers/redis.ts'
import { upstash } from './drivers/upstash.ts'
import { createLocalLimiter } from './rate-limit-local.ts'
import type { RateLimitResult } from './rate-limit.ts'
import { rateLimitHeaders, rateLimitResponse } from './rate-limit-response.ts'
import { judgeCall, type RateLimitRule, type RuleState } from './rate-limit-rules.ts'
import { RATE_LIMIT } from './drivers/redis-scripts/rate-limit.ts'
import { chaos, startRedis, startUpstashServer, type RunningRedis, type UpstashServer } from './testing/index.ts'

const algorithms = ['fixed', 'sliding', 'token-bucket'] as const
const start = 1_700_000_000_000

/** Calls at the given times; what was allowed. */
function play(rule: RateLimitRule, times: readonly number[], cost = 1): boolean[] {
  let state: RuleState | undefined
  return times.map((time) => {
    const verdict = judgeCall(rule, state, cost, time)
    if (verdict.allowed) state = verdict.next
    return verdict.allowed
  })
}

const calls = fc.array(fc.record({ after: fc.integer({ min: 0, max: 9000 }), cost: fc.integer({ min: 0, max: 4 }) }), {
  maxLength: 60,
})

describe.each(algorithms)('the rule %s', (algorithm) => {
  const rule: RateLimitRule = { limit: 5, windowSeconds: 10, algorithm }

  it('allows the limit at once and not one more', () => {
    expect(
      play(
        rule,
        Array.from({ length: 7 }, () => start),
      ),
    ).toEqual([true, true, true, true, true, false, false])
  })

  it('denies everything at a limit of 0', () => {
    const verdict = judgeCall({ ...rule, limit: 0 }, undefined, 1, start)
    expect(verdict).toMatchObject({ allowed: false, remaining: 0 })
    expect(verdict.allowedAt).toBeGreaterThan(start)
  })

  it('allows again at the time it names, and never before', () => {
    fc.assert(
      fc.property(calls, (sequence) => {
        let state: RuleState | undefined
        let now = start
        for (const { after, cost } of sequence) {
          now += after
          const verdict = judgeCall(rule, state, cost, now)
          expect(verdict.remaining).toBeGreaterThanOrEqual(0)
          expect(verdict.remaining).toBeLessThanOrEqual(5)
          expect(verdict.resetAt).toBeGreaterThanOrEqual(Math.floor(now))
          if (verdict.allowed) {
            state = verdict.next
            continue
          }
          expect(judgeCall(rule, state, cost, verdict.allowedAt).allowed).toBe(true)
          const before = verdict.allowedAt - 2
          if (before > now) expect(judgeCall(rule, state, cost, before).allowed).toBe(false)
        }
      }),
    )
  })

  it('has forgotten every call at resetAt', () => {
    fc.assert(
      fc.property(calls, (sequence) => {
        let state: RuleState | undefined
        let now = start
        for (const { after, cost } of sequence) {
          now += after
          const verdict = judgeCall(rule, state, cost, now)
          if (verdict.allowed) state = verdict.next
          expect(judgeCall(rule, state, 5, verdict.resetAt).allowed).toBe(true)
        }
      }),
    )
  })

  it('never lets more through a window than it may', () => {
    // The fixed window twice the limit around a boundary, the bucket its size and what flows in meanwhile.
    const most = { fixed: 10, sliding: 10, 'token-bucket': 10 }[algorithm]
    fc.assert(
      fc.property(calls, (sequence) => {
        let now = start
        const times = sequence.map(({ after }) => (now += after))
        const allowed = times.filter((_, index) => play(rule, times.slice(0, index + 1)).at(-1))
        for (const from of allowed) {
          expect(allowed.filter((time) => time >= from && time < from + 10_000).length).toBeLessThanOrEqual(most)
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('one process', () => {
  const setUp = () => {
    const clock = createManualClock()
    return { clock, cache: createCache({ driver: memory({ clock }), clock }) }
  }

  it('counts alike on the short way and on the long one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 100 }), (steps) => {
        const short = createLocalLimiter()
        const long = createLocalLimiter()
        let now = start
        for (const step of steps) {
          now += step
          const used = short.countFixed('a', 5, 1, Math.floor(now / 1000))
          const [verdict] = long.check('a', [{ limit: 5, windowSeconds: 1 }], 1, now)
          expect(used <= 5).toBe(verdict?.allowed)
          if (used <= 5) expect(5 - used).toBe(verdict?.remaining)
        }
      }),
    )
  })

  it('counts a call for all of several rules, or for none', async () => {
    const { cache, clock } = setUp()
    const call = () =>
      cache.rateLimit('user', 2, 1, { name: 'burst', and: [{ limit: 3, windowSeconds: 60, name: 'steady' }] })
    expect((await call()).rules?.map(({ remaining }) => remaining)).toEqual([1, 2])
    await call()
    const denied = await call()
    expect(denied).toMatchObject({ allowed: false, name: 'burst', remaining: 0, retryAfter: 1 })
    expect(denied.rules?.[1]).toMatchObject({ allowed: true, remaining: 1 })
    await clock.advance(1000)
    expect((await call()).rules?.map(({ remaining }) => remaining)).toEqual([1, 0])
    expect(await call()).toMatchObject({ allowed: false, name: 'steady' })
  })

  it('takes the cost of a call, and looks for nothing', async () => {
    const { cache } = setUp()
    expect((await cache.rateLimit('user', 10, 60, { cost: 7 })).remaining).toBe(3)
    expect(await cache.rateLimit('user', 10, 60, { cost: 7 })).toMatchObject({ allowed: false, remaining: 3 })
    expect(await cache.rateLimit('user', 10, 60, { cost: 0 })).toMatchObject({ allowed: true, remaining: 3 })
    await expect(cache.rateLimit('user', 10, 60, { cost: 0.5 })).rejects.toMatchObject({ code: 'RATE_LIMIT_INVALID' })
    await expect(cache.rateLimit('user', 10, 60, { and: [{ limit: 1, windowSeconds: 0 }] })).rejects.toMatchObject({
      code: 'RATE_LIMIT_INVALID',
    })
  })

  it('keeps resetAt the same for all calls of a window', async () => {
    const { cache, clock } = setUp()
    const seen = new Set<number>()
    for (const algorithm of ['fixed', 'sliding'] as const) {
      seen.clear()
      await clock.advance(60_000 - (clock.now() % 60_000))
      for (let i = 0; i < 5; i++) {
        seen.add((await cache.rateLimit(algorithm, 3, 60, { algorithm })).resetAt)
        await clock.advance(1500)
      }
      expect(seen.size, algorithm).toBe(1)
    }
  })

  it.each([undefined, 'fixed', 'sliding', 'token-bucket'] as const)(
    'does not deny for a year because the clock was a year ahead: %s',
    async (algorithm) => {
      let now = start + 365 * 86_400_000
      const cache = createCache({ driver: memory(), clock: { ...createManualClock(), now: () => now } })
      const call = async () => (await cache.rateLimit('ana', 1, 60, algorithm && { algorithm })).allowed
      expect([await call(), await call()]).toEqual([true, false])
      now = start
      expect([await call(), await call()]).toEqual([true, false])
    },
  )

  it('reports what it decides', async () => {
    const { cache } = setUp()
    const seen: string[] = []
    const stop = onTelemetry((event) => {
      if (event.name === 'rate-limit.check') seen.push(`${event.attributes.id} ${event.attributes.outcome}`)
    })
    await cache.rateLimit('a', 1, 60)
    await cache.rateLimit('a', 1, 60)
    stop()
    expect(seen).toEqual(['a allowed', 'a denied'])
  })
})

describe('the answer', () => {
  it('names every violated policy and writes a structured field for each rule', async () => {
    const cache = createCache({ driver: memory() })
    const rules = { name: 'burst "1"', and: [{ limit: 0, windowSeconds: 3600, name: 'daily' }] }
    const result = await cache.rateLimit('user', 5, 60, rules)
    const now = Date.now()
    const response = rateLimitResponse(result, { instance: '/api/releases' }, now)
    expect(response.status).toBe(429)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Too many requests',
      status: 429,
      detail: expect.stringMatching(/^Try again in \d+ seconds\.$/),
      instance: '/api/releases',
      code: 'RATE_LIMITED',
      'violated-policies': ['daily'],
    })
    expect(response.headers.get('ratelimit-policy')).toBe('"burst \\"1\\"";q=5;w=60, "daily";q=0;w=3600')
    const t = response.headers.get('ratelimit')?.match(/^"burst \\"1\\"";r=5;t=(\d+), "daily";r=0;t=(\d+)$/)
    expect(Number(t?.[2])).toBeLessThanOrEqual(Number(response.headers.get('retry-after')))
    expect(Number(response.headers.get('retry-after'))).toBe(result.retryAfter)
  })

  it.each([
    [Number.NaN, '1', '0'],
    [Infinity, '2147483647', '2147483647'],
    [1e300, '2147483647', '2147483647'],
    [-5, '1', '0'],
    [2.5, '3', '3'],
  ])('tells a wait of %s seconds, which a limiter of the application may say, as a number', async (wait, retry, t) => {
    const result = { allowed: false, limit: 5, remaining: 0, windowSeconds: 60, resetAt: Number.NaN, retryAfter: wait }
    const response = rateLimitResponse(result as RateLimitResult)
    expect(response.headers.get('retry-after')).toBe(retry)
    expect(response.headers.get('ratelimit')).toBe(`"5/60s";r=0;t=${t}`)
    expect(((await response.json()) as { detail: string }).detail).toContain(`Try again in ${retry} second`)
  })

  it('says nothing of waiting to who is allowed', async () => {
    const result = await createCache({ driver: memory() }).rateLimit('user', 5, 60)
    const headers = rateLimitHeaders(result)
    expect(headers['Retry-After']).toBeUndefined()
    expect(headers['RateLimit-Policy']).toBe('"5/60s";q=5;w=60')
    expect(headers['RateLimit']).toMatch(/^"5\/60s";r=4;t=\d+$/)
  })
})

const describeWithRedis = process.env['MSC_SKIP_REDIS'] ? describe.skip : describe

describeWithRedis('several processes', () => {
  let server: RunningRedis
  let bridge: UpstashServer
  beforeAll(async () => {
    server = await startRedis()
    bridge = await startUpstashServer({ redis: server, token: 'secret' })
  })
  afterAll(async () => {
    await bridge.close()
    await server.close()
  })
  const open = (name: string): CacheDriver =>
    name === 'redis'
      ? redis({ url: `redis://127.0.0.1:${server.port}` })
      : upstash({ url: bridge.url, token: 'secret' })

  it.each(['redis', 'upstash'])('decides on %s as it does in memory, to the last bit', async (name) => {
    const local = new Redis({ port: server.port })
    const rest = new UpstashRedis({ url: bridge.url, token: 'secret', automaticDeserialization: false })
    // The vendors' own clients: what a driver asks for is by the server's clock.
    const script = async (keys: string[], args: string[]): Promise<unknown[]> =>
      (name === 'redis'
        ? await local.eval(RATE_LIMIT.lua, keys.length, ...keys, ...args)
        : await rest.eval(RATE_LIMIT.lua, keys, args)) as unknown[]
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            limit: fc.integer({ min: 0, max: 7 }),
            windowSeconds: fc.integer({ min: 1, max: 20 }),
            algorithm: fc.constantFrom(...algorithms),
          }),
          { minLength: 1, maxLength: 3 },
        ),
        calls,
        async (rules, sequence) => {
          run += 1
          const states: (RuleState | undefined)[] = rules.map(() => undefined)
          const keys = rules.map((_, index) => `agree:${name}:${run}:${index}`)
          let now = start
          for (const { after, cost } of sequence.slice(0, name === 'redis' ? 60 : 10)) {
            // A step longer than that would have the real clock of the server forget a state that is still needed.
            now += after / 10
            const expected = rules.map((rule, index) => judgeCall(rule, states[index], cost, now))
            if (expected.every(({ allowed }) => allowed)) expected.forEach(({ next }, index) => (states[index] = next))
            const reply = await script(keys, [
              String(now),
              String(cost),
              ...rules.flatMap((rule) => [rule.algorithm, String(rule.limit), String(rule.windowSeconds * 1000)]),
            ])
            expect(reply.map(Number)).toEqual([
              now,
              ...expected.flatMap((each) => [Number(each.allowed), each.remaining, each.resetAt, each.allowedAt]),
            ])
          }
        },
      ),
      { numRuns: name === 'redis' ? 60 : 15 },
    )
    local.disconnect()
  })

  it.each(['redis', 'upstash'])('shares one limit on %s, exactly', async (name) => {
    const caches = Array.from({ length: 4 }, () => createCache({ driver: open(name), timeoutMs: 5000 }))
    for (const algorithm of algorithms) {
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, i) =>
          (caches[i % 4] as (typeof caches)[0]).rateLimit(`one:${name}:${algorithm}`, 25, 3600, { algorithm }),
        ),
      )
      expect(results.filter(({ allowed }) => allowed).length, algorithm).toBe(25)
    }
    await Promise.all(caches.map((cache) => cache.close()))
  })

  it('leaves no counter without an end', async () => {
    const driver = open('redis')
    const cache = createCache({ driver, namespace: 'ends' })
    for (const algorithm of algorithms) await cache.rateLimit('user*', 5, 60, { algorithm })
    const client = new Redis({ port: server.port })
    const ttls = await Promise.all((await client.keys('ends@limit:*')).map((key) => client.pttl(key)))
    client.disconnect()
    expect(ttls.length).toBe(3)
    for (const ttl of ttls) {
      expect(ttl).toBeGreaterThan(0)
      expect(ttl).toBeLessThanOrEqual(120_000)
    }
    await cache.close()
  })

  it('denies who is blocked without a question to the store', async () => {
    const driver = open('redis')
    const coordination = driver.coordination as CacheCoordination
    let asked = 0
    const cache = createCache({
      driver: {
        ...driver,
        coordination: {
          ...coordination,
          consume: (...args) => {
            asked += 1
            return coordination.consume(...args)
          },
        },
      },
    })
    const results = []
    for (let i = 0; i < 20; i++) results.push(await cache.rateLimit('blocked', 3, 3600))
    expect(results.filter(({ allowed }) => allowed).length).toBe(3)
    expect(asked).toBe(4)
    expect(new Set(results.map(({ resetAt }) => resetAt)).size).toBe(1)
    await cache.close()
  })

  it.each([
    ['allow', true],
    ['deny', false],
  ] as const)('does as it is told while the store is away: %s', async (onUnavailable, allowed) => {
    const driver = chaos(open('redis'), { refuse: 1, random: () => 0 })
    const cache = createCache({ driver, onError: () => {} })
    for (let i = 0; i < 3; i++) {
      expect(await cache.rateLimit('user', 2, 60, { onUnavailable })).toMatchObject({ allowed, limit: 2 })
    }
    await cache.close()
  })

  it('counts alone while the store is away, and together again afterwards', async () => {
    const driver = chaos(open('redis'))
    const clock = createManualClock(Date.now())
    const cache = createCache({ driver, clock, onError: () => {} })
    expect((await cache.rateLimit('alone', 2, 3600)).remaining).toBe(1)
    driver.setChaos({ refuse: 1, random: () => 0 })
    const alone = []
    for (let i = 0; i < 7; i++) alone.push((await cache.rateLimit('alone', 2, 3600)).allowed)
    expect(alone).toEqual([true, true, false, false, false, false, false])
    driver.setChaos(undefined)
    await clock.advance(5001)
    expect((await cache.rateLimit('alone', 2, 3600)).remaining).toBe(0)
    await cache.close()
  })
})
