import { onTelemetry, withContext, newTrace } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { describe, expect, it, vi } from 'vitest'
import { createCache } from './create-cache.ts'
import type { CacheDriver } from './driver.ts'
import { memory } from './drivers/memory.ts'
import { memoryStore } from './testing/memory-store.ts'

function setUp(overrides: Partial<CacheDriver> = {}) {
  const clock = createManualClock()
  const driver: CacheDriver = { ...memory({ clock }), ...overrides }
  return { clock, cache: createCache({ driver, clock, onError: () => {} }) }
}

function gate<T>() {
  let open!: (value: T) => void
  const promise = new Promise<T>((resolve) => {
    open = resolve
  })
  return { promise, open }
}

it.each([
  { timeoutMs: Number.NaN },
  { timeoutMs: 0 },
  { local: { maxEntries: Number.NaN } },
  { local: { maxBytes: -1 } },
  { local: { maxEntries: '10' as unknown as number } },
])('refuses a bound that is no number when it is made: %j', (options) => {
  const driver = memoryStore().connect()
  expect(() => createCache({ driver, ...options })).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
})

describe('cache()', () => {
  it('calls the loader once for a hundred callers, and not again while fresh', async () => {
    const { cache, clock } = setUp()
    const load = vi.fn(async () => ({ title: 'Night Drive' }))
    const values = await Promise.all(Array.from({ length: 100 }, () => cache.cache('k', load, 60)))
    expect(load).toHaveBeenCalledTimes(1)
    expect(values[99]).toEqual({ title: 'Night Drive' })
    await cache.cache('k', load, 60)
    expect(load).toHaveBeenCalledTimes(1)
    await clock.advance(60_001)
    await cache.cache('k', load, 60)
    expect(load).toHaveBeenCalledTimes(2)
  })

  it.each([null, 0, false, '', Number.NaN, [], 10n, new Date(0), new Map([['a', new Set([1])]])])(
    'keeps %s',
    async (value) => {
      const { cache } = setUp()
      const load = vi.fn(async () => value)
      await cache.cache('k', load)
      expect(await cache.cache('k', load)).toEqual(value)
      expect(load).toHaveBeenCalledTimes(1)
    },
  )

  it('returns undefined without keeping it', async () => {
    const { cache } = setUp()
    const load = vi.fn(async () => undefined)
    expect(await cache.cache('k', load)).toBeUndefined()
    await cache.cache('k', load)
    expect(load).toHaveBeenCalledTimes(2)
  })

  it("throws the loader's own error, once for all who waited, and tries again next time", async () => {
    const { cache } = setUp()
    const failure = new Error('database is away')
    const load = vi.fn(async () => Promise.reject(failure))
    const results = await Promise.allSettled([cache.cache('k', load), cache.cache('k', load)])
    expect(results.map((result) => (result as PromiseRejectedResult).reason)).toEqual([failure, failure])
    expect(load).toHaveBeenCalledTimes(1)
    await expect(cache.cache('k', load)).rejects.toBe(failure)
    expect(load).toHaveBeenCalledTimes(2)
  })

  it.each([
    ['plain data', { tags: ['a'] }],
    ['what can not be frozen', { tags: ['a'], at: new Date(0) }],
  ])('has no caller change what another gets: %s', async (_label, value) => {
    const { cache } = setUp()
    const change = (received: { tags: string[] }): void => {
      try {
        received.tags.push('mine')
      } catch {
        // Frozen.
      }
    }
    const source = structuredClone(value)
    change(await cache.cache('k', async () => source))
    change(await cache.cache('k', async () => source))
    change(source)
    change((await cache.get<typeof value>('k')) as typeof value)
    expect(await cache.get('k')).toEqual(value)
    const [one, other] = await Promise.all([1, 2].map(() => cache.cache('cold', async () => structuredClone(value))))
    change(one as typeof value)
    expect(other).toEqual(value)
  })

  it('gives copies to who wants to change them', async () => {
    const cache = createCache({ driver: memory(), copies: true })
    const first = await cache.cache('k', async () => ({ tags: ['a'] }))
    first.tags.push('mine')
    expect(await cache.cache('k', async () => ({ tags: [] as string[] }))).toEqual({ tags: ['a'] })
  })

  it('loads anew when the stored text is not ours', async () => {
    const { cache } = setUp({ get: () => 'not something the codec wrote' })
    expect(await cache.cache('k', async () => 'fresh')).toBe('fresh')
  })

  it('lets one caller stop waiting without ending the load for the others', async () => {
    const { cache } = setUp()
    const { promise, open } = gate<string>()
    const abort = new AbortController()
    const left = cache.cache('k', () => promise, { signal: abort.signal })
    const stays = cache.cache('k', () => promise)
    abort.abort(new Error('client went away'))
    await expect(left).rejects.toThrow('client went away')
    open('value')
    expect(await stays).toBe('value')
  })
})

describe('invalidation during a fill', () => {
  it.each([
    ['the key', 'release:1'],
    ['a pattern', 'release:*'],
  ])('by %s wins over the fill', async (_label, target) => {
    const { cache } = setUp()
    const { promise, open } = gate<string>()
    const filling = cache.cache('release:1', () => promise, 60)
    await Promise.resolve()
    await cache.invalidate(target)
    open('old')
    expect(await filling).toBe('old')
    expect(await cache.cache('release:1', async () => 'new', 60)).toBe('new')
    expect(await cache.get('release:1')).toBe('new')
  })

  it('wins even when the store write is already on its way', async () => {
    const store = memory()
    const { promise, open } = gate<void>()
    const reached = gate<void>()
    const { cache } = setUp({
      ...store,
      capabilities: { shared: true },
      set: async (...args) => {
        reached.open()
        await promise
        await store.set(...args)
      },
    })
    const filling = cache.cache('k', async () => 'old', 60)
    await reached.promise
    await cache.invalidate('k')
    open()
    await filling
    expect(await cache.get('k')).toBeUndefined()
  })

  it('by a set wins over the fill', async () => {
    const { cache } = setUp()
    const { promise, open } = gate<string>()
    const filling = cache.cache('k', () => promise, 60)
    await cache.set('k', 'written')
    open('loaded before')
    await filling
    expect(await cache.get('k')).toBe('written')
  })
})

describe('queries, sessions, counters', () => {
  it('finds a query whatever the order of its parameters', async () => {
    const { cache } = setUp()
    const load = vi.fn(async () => 'rows')
    await cache.cacheQuery('releases', { userId: '1', page: { size: 10, at: 2 } }, load)
    await cache.cacheQuery('releases', { page: { at: 2, size: 10 }, userId: '1', genre: undefined }, load)
    expect(load).toHaveBeenCalledTimes(1)
    await cache.cacheQuery('releases', { userId: '2', page: { size: 10, at: 2 } }, load)
    expect(load).toHaveBeenCalledTimes(2)
  })

  it('invalidates one query and no other whose name begins the same', async () => {
    const { cache } = setUp()
    await cache.cacheQuery('releases', { a: 1 }, async () => 1)
    await cache.cacheQuery('releases', { a: 2 }, async () => 2)
    await cache.cacheQuery('releases-archive', {}, async () => 3)
    expect(await cache.invalidateQuery('releases')).toBe(2)
    const load = vi.fn(async () => 4)
    expect(await cache.cacheQuery('releases-archive', {}, load)).toBe(3)
  })

  it('keeps long keys apart', async () => {
    const { cache } = setUp()
    await cache.set(`${'x'.repeat(5000)}a`, 'a')
    await cache.set(`${'x'.repeat(5000)}b`, 'b')
    expect(await cache.get(`${'x'.repeat(5000)}a`)).toBe('a')
  })

  it('stores, reads and drops a session', async () => {
    const { cache } = setUp()
    await cache.cacheSession('u*', { role: 'artist' })
    await cache.cacheSession('u1', { role: 'admin' })
    expect(await cache.getSession('u*')).toEqual({ role: 'artist' })
    expect(await cache.invalidateSession('u*')).toBe(1)
    expect(await cache.getSession('u1')).toEqual({ role: 'admin' })
  })

  it('increments and forgets after the ttl', async () => {
    const { cache, clock } = setUp()
    expect(await cache.increment('plays')).toBe(1)
    expect(await cache.increment('plays', 4)).toBe(5)
    await clock.advance(86_400_001)
    expect(await cache.increment('plays')).toBe(1)
  })

  it('refuses a value no reader could get back, before anything is stored', async () => {
    const { cache } = setUp()
    await cache.set('k', 'kept')
    await expect(cache.set('k', undefined)).rejects.toMatchObject({ code: 'CACHE_VALUE_UNDEFINED' })
    await expect(cache.set('k', () => 1)).rejects.toMatchObject({ code: 'CACHE_VALUE_UNSERIALISABLE' })
    await expect(cache.set('', 1)).rejects.toMatchObject({ code: 'CACHE_KEY_INVALID' })
  })
})

describe('rateLimit()', () => {
  it('allows the limit, then denies until the window ends, with one resetAt for all', async () => {
    const { cache, clock } = setUp()
    const results = []
    for (let i = 0; i < 4; i++) results.push(await cache.rateLimit('user:1', 3, 60))
    expect(results.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
    ])
    expect(new Set(results.map(({ resetAt }) => resetAt)).size).toBe(1)
    expect(results[3]?.retryAfter).toBe(Math.ceil(((results[3]?.resetAt ?? 0) - clock.now()) / 1000))
    expect((await cache.rateLimit('user:2', 3, 60)).allowed).toBe(true)
    await clock.advance((results[3]?.resetAt ?? 0) - clock.now())
    expect((await cache.rateLimit('user:1', 3, 60)).allowed).toBe(true)
  })

  it.each([
    ['', 1, 1],
    ['a', -1, 1],
    ['a', 1.5, 1],
    ['a', 1, 0],
  ])('refuses (%j, %d, %d)', async (id, limit, window) => {
    await expect(setUp().cache.rateLimit(id, limit, window)).rejects.toMatchObject({ code: 'RATE_LIMIT_INVALID' })
  })
})

describe('what it reports', () => {
  it('counts hits and misses exactly, and says them with the trace of the caller', async () => {
    const { cache } = setUp()
    const seen: string[] = []
    const trace = newTrace()
    const stop = onTelemetry((event) => {
      if (event.name === 'cache.get') seen.push(`${event.attributes.outcome} ${event.traceId === trace.traceId}`)
    })
    await withContext({ trace }, async () => {
      await cache.cache('k', async () => 1)
      await cache.cache('k', async () => 1)
      await cache.get('absent')
    })
    stop()
    expect(seen).toEqual(['miss true', 'hit true', 'miss true'])
    expect(cache.stats()).toMatchObject({ hits: 1, misses: 2, loads: 1, hitRate: 1 / 3 })
  })

  it('leaves bookkeeping out of the figures and of telemetry', async () => {
    const { cache } = setUp()
    const seen: string[] = []
    const stop = onTelemetry(({ name }) => seen.push(name))
    const load = vi.fn(async () => 1)
    for (let i = 0; i < 3; i++) expect(await cache.cache('k', load, { ttl: 60, counted: false })).toBe(1)
    await expect(cache.cache('x', () => Promise.reject(new Error('no')), { counted: false })).rejects.toThrow('no')
    stop()
    expect(load).toHaveBeenCalledOnce()
    expect(cache.stats()).toMatchObject({ hits: 0, misses: 0, loads: 0, loadErrors: 0, hitRate: 0 })
    expect(seen.filter((name) => name === 'cache.get' || name === 'cache.load')).toEqual([])
  })

  it('closes the breaker again by itself when the store is back', async () => {
    let broken = true
    const store = memory()
    const { cache, clock } = setUp({
      ...store,
      capabilities: { shared: true },
      get: async (key, signal) => {
        if (broken) throw new Error('ECONNREFUSED')
        return store.get(key, signal)
      },
      set: async (...args) => {
        if (broken) throw new Error('ECONNREFUSED')
        await store.set(...args)
      },
    })
    for (let i = 0; i < 6; i++) expect(await cache.cache(`k${i}`, async () => i, 60)).toBe(i)
    expect((await cache.health()).status).toBe('degraded')
    broken = false
    await clock.advance(5001)
    await cache.get('k0')
    expect((await cache.health()).status).toBe('ready')
  })
})

describe('a closed cache', () => {
  const shared = { shared: true, cancels: true } as const

  it('leaves nobody waiting for a store that is silent', async () => {
    const silent = async (): Promise<never> => new Promise(() => {})
    const { cache } = setUp({ capabilities: shared, get: silent, set: silent, increment: silent })
    const value = cache.cache('k', async () => 'loaded')
    const read = cache.get('k')
    const counted = cache.increment('visits')
    await cache.close()
    expect(await value).toBe('loaded')
    expect(await read).toBeUndefined()
    await expect(counted).rejects.toMatchObject({ code: 'CACHE_CLOSED' })
  })

  it('does not wait for the log of a store that is silent', async () => {
    const clock = createManualClock()
    const store = memoryStore({ clock }).connect()
    const silent = async (): Promise<never> => new Promise(() => {})
    const driver = { ...store, get: silent, coordination: { ...store.coordination, readSince: silent } as never }
    const cache = createCache({ driver, clock, local: true, timeoutMs: 60_000, onError: () => {} })
    const read = cache.get('k')
    await cache.close()
    expect(await read).toBeUndefined()
  })

  it('keeps nothing in memory either, and says so as a store would that is away', async () => {
    const cache = createCache({ driver: memory(), onError: () => {} })
    await cache.set('before', 1)
    await cache.close()
    expect(await cache.set('after', 2)).toBe(false)
    expect(await cache.setMany([['after', 2]])).toBe(false)
    expect(await cache.cacheSession('ana', { role: 'artist' })).toBe(false)
    expect(await cache.cache('loaded', async () => 3)).toBe(3)
    expect(await cache.getMany(['before', 'after', 'loaded'])).toEqual([undefined, undefined, undefined])
    await expect(cache.getMany(['before'], { strict: true })).rejects.toMatchObject({ code: 'CACHE_CLOSED' })
    await expect(cache.invalidate('before')).rejects.toMatchObject({ code: 'CACHE_CLOSED' })
    await expect(cache.invalidateTag('artist:7')).rejects.toMatchObject({ code: 'CACHE_CLOSED' })
  })

  it('asks its store for nothing, and says that it is closed', async () => {
    const get = vi.fn(async () => undefined)
    const { cache } = setUp({ capabilities: shared, get })
    await cache.close()
    expect(await cache.cache('k', async () => 'loaded')).toBe('loaded')
    expect(await cache.get('k')).toBeUndefined()
    await expect(cache.increment('visits')).rejects.toMatchObject({ code: 'CACHE_CLOSED' })
    expect(get).not.toHaveBeenCalled()
    expect(await cache.health()).toMatchObject({ status: 'down', code: 'CACHE_CLOSED' })
  })
})

describe('a store that can not listen', () => {
  it.each([
    [
      'throws',
      () => {
        throw new Error('no listener')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('no listener'))],
    ['returns nothing', () => undefined],
  ])('costs no call anything when it %s', async (how, listen) => {
    const clock = createManualClock()
    const reported: string[] = []
    const store = memoryStore({ clock }).connect()
    const cache = createCache({
      driver: { ...store, coordination: { ...store.coordination, listen } as never },
      clock,
      local: true,
      onError: (error, { operation }) => void reported.push(`${operation}: ${error.message}`),
    })
    expect(await cache.cache('k', async () => 'loaded')).toBe('loaded')
    await clock.advance(1000)
    expect(await cache.get('k')).toBe('loaded')
    await cache.close()
    expect(reported).toEqual(how === 'returns nothing' ? [] : ['listen: no listener'])
  })
})
