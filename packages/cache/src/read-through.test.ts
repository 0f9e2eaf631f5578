import type { StandardSchema } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { gate } from './__fixtures__/gate.ts'
import type { CacheOptions } from './cache.ts'
import { createCache } from './create-cache.ts'
import type { CacheDriver } from './driver.ts'
import { memory } from './drivers/memory.ts'
import { judge, remainingOf } from './entry.ts'
import { memoryStore } from './testing/index.ts'

/** Memory as the engine knows it, and as a store that it reaches through the contract alone. */
const kinds: Record<string, (driver: CacheDriver) => CacheDriver> = {
  memory: (driver) => driver,
  'a plain store': ({ get, set, delete: remove, increment, scan, health, close }) => ({
    specificationVersion: 1,
    name: 'plain',
    capabilities: { shared: true },
    // Asynchronous, as one behind a network is.
    get: async (...args) => get(...args),
    set: async (...args) => set(...args),
    delete: async (...args) => remove(...args),
    increment: async (...args) => increment(...args),
    scan: async (...args) => scan(...args),
    health,
    close,
  }),
}

describe.each(Object.keys(kinds))('cache() on %s', (kind) => {
  const setUp = (options: Pick<Partial<CacheOptions>, 'random' | 'onError'> = {}) => {
    const clock = createManualClock()
    const driver = (kinds[kind] as (driver: CacheDriver) => CacheDriver)(memory({ clock }))
    return { clock, cache: createCache({ driver, clock, onError: () => {}, ...options }) }
  }
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it('serves the stale value while one caller refreshes it', async () => {
    const { cache, clock } = setUp()
    let version = 0
    const load = vi.fn(async () => ++version)
    const options = { ttl: 10, swr: 20 }
    expect(await cache.cache('k', load, options)).toBe(1)
    await clock.advance(11_000)
    expect(await Promise.all([1, 2, 3].map(() => cache.cache('k', load, options)))).toEqual([1, 1, 1])
    await cache.flush()
    expect(load).toHaveBeenCalledTimes(2)
    expect(await cache.cache('k', load, options)).toBe(2)
    await clock.advance(31_000)
    expect(await cache.cache('k', load, options)).toBe(3)
    expect(cache.stats()).toMatchObject({ loads: 3 })
  })

  it.each([60, { ttl: 60 }])(
    'loads a key that is too long to keep as it is once for all callers, with %j',
    async (ttl) => {
      const { cache } = setUp()
      const load = vi.fn(async () => 1)
      const key = `ids:${'0123456789'.repeat(100)}`
      expect(await Promise.all([1, 2, 3].map(() => cache.cache(key, load, ttl)))).toEqual([1, 1, 1])
      expect(load).toHaveBeenCalledTimes(1)
    },
  )

  it('keeps nothing of a load under a key too long that an invalidation has overtaken', async () => {
    const { cache } = setUp()
    const key = `ids:${'0123456789'.repeat(100)}`
    const gates = [1, 2].map(() => gate<string>())
    const loads = gates.map(({ promise }) => cache.cache(key, () => promise, 60))
    await cache.invalidate(key)
    gates.forEach(({ release }, index) => release(`old ${index}`))
    await Promise.all(loads)
    expect(await cache.get(key)).toBeUndefined()
  })

  it('hands what goes on behind an answer to waitUntil', async () => {
    const { cache, clock } = setUp()
    const work: Promise<unknown>[] = []
    const options = { ttl: 10, swr: 20, waitUntil: (each: Promise<unknown>) => void work.push(each) }
    await cache.cache('k', async () => 1, options)
    await clock.advance(11_000)
    await cache.cache('k', async () => 2, options)
    expect(work.length).toBe(1)
    await work[0]
    expect(await cache.get('k')).toBe(2)
  })

  it('serves the stale value while the source is failing, and asks it once a second', async () => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, grace: 3600 }
    await cache.cache('k', async () => 'old', options)
    await clock.advance(60_000)
    const fail = vi.fn(async () => Promise.reject(new Error('the database is away')))
    for (let i = 0; i < 5; i++) expect(await cache.cache('k', fail, options)).toBe('old')
    expect(fail).toHaveBeenCalledTimes(1)
    await clock.advance(1001)
    expect(await cache.cache('k', fail, options)).toBe('old')
    expect(fail).toHaveBeenCalledTimes(2)
    await clock.advance(1001)
    expect(await cache.cache('k', async () => 'new', options)).toBe('new')
    await clock.advance(3_700_000)
    await expect(cache.cache('k', fail, options)).rejects.toThrow('the database is away')
  })

  it('does not ask a failing source for each stale value that is served', async () => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, swr: 3600 }
    await cache.cache('k', async () => 'old', options)
    await clock.advance(60_000)
    const fail = vi.fn(async () => Promise.reject(new Error('away')))
    for (let i = 0; i < 5; i++) {
      expect(await cache.cache('k', fail, options)).toBe('old')
      await cache.flush()
    }
    expect(fail).toHaveBeenCalledTimes(1)
  })

  it('serves the stale value where the loader takes longer than the soft timeout, and keeps what it brings', async () => {
    const { cache, clock } = setUp()
    const options = { ttl: 10, grace: 3600, softTimeout: 100 }
    await cache.cache('k', async () => 'old', options)
    await clock.advance(11_000)
    let open!: (value: string) => void
    const slow = cache.cache('k', () => new Promise<string>((resolve) => (open = resolve)), options)
    await clock.advance(101)
    expect(await slow).toBe('old')
    open('new')
    await settled()
    expect(await cache.cache('k', async () => 'other', options)).toBe('new')
  })

  it('gives a load up at the hard timeout, and tells the loader', async () => {
    const { cache, clock } = setUp()
    let told: AbortSignal | undefined
    const load = ({ signal }: { signal: AbortSignal }) => {
      told = signal
      return new Promise<string>(() => undefined)
    }
    const waiting = cache.cache('k', load, { hardTimeout: 200 })
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    await clock.advance(201)
    await outcome
    expect(told?.aborted).toBe(true)
    expect(await cache.cache('k', async () => 'value')).toBe('value')
  })

  it('survives a loader that throws when it is told, and says so', async () => {
    const told: string[] = []
    const { cache, clock } = setUp({ onError: (error, { operation }) => told.push(`${operation}: ${error.message}`) })
    const load = ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => {
        throw new Error('query can not be cancelled')
      })
      return new Promise<string>(() => undefined)
    }
    const outcome = expect(cache.cache('k', load, { hardTimeout: 200 })).rejects.toThrow(/did not answer/)
    await clock.advance(201)
    await outcome
    // Unguarded it would be an uncaught exception of the next tick.
    await settled()
    expect(told).toEqual(['abort: query can not be cancelled'])
  })

  it('remembers an error for as long as it is told, and no longer', async () => {
    const { cache, clock } = setUp()
    const failure = new Error('no such release')
    const fail = vi.fn(async () => Promise.reject(failure))
    for (let i = 0; i < 3; i++) await expect(cache.cache('k', fail, { negativeTtl: 5 })).rejects.toBe(failure)
    expect(fail).toHaveBeenCalledTimes(1)
    await clock.advance(5001)
    await expect(cache.cache('k', fail, { negativeTtl: 5 })).rejects.toBe(failure)
    expect(fail).toHaveBeenCalledTimes(2)
    await cache.invalidate('k')
    expect(await cache.cache('k', async () => 'there')).toBe('there')
  })

  it('asks a failing source once for all who wait, not once for each', async () => {
    const { cache } = setUp()
    const fail = vi.fn(async () => {
      await settled()
      throw new Error('down')
    })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => cache.cache('k', fail)))
    expect(fail).toHaveBeenCalledTimes(1)
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
  })

  it('calls the loader once when the loader itself throws, synchronously too', async () => {
    const { cache } = setUp()
    const load = vi.fn((): string => {
      throw new Error('at once')
    })
    await expect(cache.cache('k', load)).rejects.toThrow('at once')
    expect(load).toHaveBeenCalledTimes(1)
    expect(cache.stats()).toMatchObject({ loads: 1, loadErrors: 1, errors: 0 })
  })

  it('takes a value that does not fit the schema for a miss', async () => {
    const { cache } = setUp()
    const schema: StandardSchema<unknown, { v: 2; title: string }> = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) =>
          (value as { v?: unknown }).v === 2
            ? { value: value as { v: 2; title: string } }
            : { issues: [{ message: 'an older shape' }] },
      },
    }
    await cache.set('k', { v: 1, name: 'Night Drive' })
    expect(await cache.cache('k', async () => ({ v: 2 as const, title: 'Night Drive' }), { schema })).toEqual({
      v: 2,
      title: 'Night Drive',
    })
    const load = vi.fn(async () => ({ v: 2 as const, title: '' }))
    expect((await cache.cache('k', load, { schema })).title).toBe('Night Drive')
    expect(load).not.toHaveBeenCalled()
  })

  it('refreshes early now and then, so that not all wait at the end', async () => {
    let dice = 0.999
    const { cache, clock } = setUp({ random: () => dice })
    const slow = async (): Promise<string> => {
      await clock.advance(1000)
      return 'value'
    }
    const options = { ttl: 60, earlyRefresh: 1 }
    await cache.cache('k', slow, options)
    await clock.advance(58_500)
    const load = vi.fn(async () => 'newer')
    expect(await cache.cache('k', load, options)).toBe('value')
    expect(load).not.toHaveBeenCalled()
    dice = 0.01
    expect(await cache.cache('k', load, options)).toBe('value')
    await cache.flush()
    expect(load).toHaveBeenCalledTimes(1)
    expect(await cache.get('k')).toBe('newer')
    expect(cache.stats()).toMatchObject({ hits: 3, stale: 0, misses: 1 })
  })

  it('drops by tag, and lets no load that began before come back', async () => {
    const { cache } = setUp()
    await cache.cache('a', async () => 1, { tags: ['artist:1', 'list'] })
    await cache.set('b', 1, { tags: ['artist:2', 'list'] })
    await cache.set('c', 1)
    let open!: (value: number) => void
    const filling = cache.cache('d', () => new Promise<number>((resolve) => (open = resolve)), { tags: ['artist:1'] })
    await settled()
    await cache.invalidateTag('artist:1')
    open(1)
    expect(await filling).toBe(1)
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual([undefined, 1, 1, undefined])
    await cache.invalidateTag('list')
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual([undefined, undefined, 1, undefined])
    await expect(cache.invalidateTag('')).rejects.toMatchObject({ code: 'CACHE_TAG_INVALID' })
  })

  it('loads what is missing of many keys, once', async () => {
    const { cache } = setUp()
    await cache.setMany([
      ['a', 'A'],
      ['b', null],
    ])
    const load = vi.fn(
      async (missing: string[]) => new Map(missing.filter((key) => key !== 'd').map((key) => [key, key])),
    )
    expect(await cache.cacheMany(['a', 'b', 'c', 'd', 'c'], load, { ttl: 60, tags: ['t'] })).toEqual([
      'A',
      null,
      'c',
      undefined,
      'c',
    ])
    expect(load.mock.calls).toEqual([[['c', 'd']]])
    expect(await cache.cacheMany(['c', 'd'], async (missing) => missing.map((key) => `${key}!`))).toEqual(['c', 'd!'])
    expect(await cache.cacheMany([], load)).toEqual([])
    await cache.invalidateTag('t')
    expect(await cache.getMany(['a', 'c', 'd'])).toEqual(['A', undefined, 'd!'])
    await expect(cache.cacheMany(['x'], async () => Promise.reject(new Error('away')))).rejects.toThrow('away')
    for (const none of [null, undefined, { x: 1 }, 'x']) {
      await expect(cache.cacheMany(['x'], async () => none as never)).rejects.toMatchObject({
        code: 'CACHE_OPTION_INVALID',
      })
    }
    await expect(
      cache.setMany([
        ['ok', 1],
        ['bad', () => 1],
      ]),
    ).rejects.toMatchObject({ code: 'CACHE_VALUE_UNSERIALISABLE' })
    expect(await cache.get('ok')).toBeUndefined()
  })

  it('keeps no batch that an invalidation has overtaken', async () => {
    const { cache } = setUp()
    let open!: () => void
    const gate = new Promise<void>((resolve) => (open = resolve))
    const filling = cache.cacheMany(['a', 'b'], async (missing) => {
      await gate
      return missing
    })
    await settled()
    await cache.invalidate('a')
    open()
    expect(await filling).toEqual(['a', 'b'])
    expect(await cache.get('a')).toBeUndefined()
  })

  it('keeps nothing at a ttl of 0, and refuses what is no time', async () => {
    const { cache } = setUp()
    const load = vi.fn(async () => 1)
    await cache.cache('k', load, 0)
    await cache.cache('k', load, 0)
    expect(load).toHaveBeenCalledTimes(2)
    await expect(cache.cache('k', load, { ttl: -1 })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
    await expect(cache.cache('k', load, { softTimeout: Number.NaN })).rejects.toMatchObject({
      code: 'CACHE_OPTION_INVALID',
    })
    await expect(cache.cache('k', load, { tags: [''] })).rejects.toMatchObject({ code: 'CACHE_TAG_INVALID' })
    await expect(cache.cache('', load)).rejects.toMatchObject({ code: 'CACHE_KEY_INVALID' })
  })

  it('ends the wait of a caller who has given up already, and calls no loader for it', async () => {
    const { cache } = setUp()
    const load = vi.fn(async () => 1)
    await expect(cache.cache('k', load, { signal: AbortSignal.abort(new Error('gone')) })).rejects.toThrow('gone')
    expect(load).not.toHaveBeenCalled()
  })

  it('lets a loader invalidate its own key', async () => {
    const { cache } = setUp()
    const load = vi.fn(async () => {
      await cache.invalidate('k')
      return 1
    })
    expect(await cache.cache('k', load)).toBe(1)
    expect(await cache.get('k')).toBeUndefined()
  })
})

describe('early refresh', () => {
  it('never happens to a value that is stale, and is likelier the nearer the end', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1, max: 1e6, noNaN: true }),
        fc.double({ min: 0, max: 1e4, noNaN: true }),
        fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }),
        (remainingMs, loadMs, dice) => {
          const windows = { swrMs: 0, graceMs: 0, earlyRefresh: 1 }
          const now = judge(remainingMs, loadMs, windows, () => dice)
          const later = judge(remainingMs / 2, loadMs, windows, () => dice)
          expect(now === 'refresh' && later === 'fresh').toBe(false)
          expect(judge(-remainingMs, loadMs, windows, () => dice)).toBe('expired')
        },
      ),
    )
  })
})

describe('bounds', () => {
  it('drops what was used longest ago, by number and by bytes', async () => {
    const cache = createCache({ driver: memory({ maxEntries: 3 }) })
    for (const key of ['a', 'b', 'c']) await cache.set(key, key)
    await cache.get('a')
    await cache.set('d', 'd')
    expect(await cache.getMany(['a', 'b', 'c', 'd'])).toEqual(['a', undefined, 'c', 'd'])
    const small = createCache({ driver: memory({ maxBytes: 10_000 }) })
    for (let i = 0; i < 100; i++) await small.set(`k${i}`, 'x'.repeat(1000), { tags: ['t'] })
    expect((await small.getMany(Array.from({ length: 100 }, (_, i) => `k${i}`))).filter(Boolean).length).toBe(4)
    expect(await small.set('large', 'x'.repeat(100_000))).toBe(true)
    expect(await small.get('large')).toBeUndefined()
  })
})

it('refreshes what a clock that was ahead has written, however long that would be fresh', async () => {
  const clock = createManualClock()
  let backMs = 0
  const store = memoryStore({ clock })
  const cache = createCache({ driver: store.connect(), clock: { ...clock, now: () => clock.now() - backMs } })
  const options = { ttl: 1, swr: 3600 }
  await cache.cache('k', async () => 'old', options)
  await cache.set('plain', 'kept', 60)
  backMs = 3_600_000
  await clock.advance(2000)
  expect(await cache.cache('k', async () => 'new', options)).toBe('old')
  await cache.flush()
  expect(await cache.cache('k', async () => 'other', options)).toBe('new')
  // What may not be served stale is ended by the store, and is not lost before.
  expect(await cache.get('plain')).toBe('kept')
  await clock.advance(59_000)
  expect(await cache.get('plain')).toBeUndefined()
  await cache.close()
})

it('takes an entry of a clock that is a little ahead for as long as it was to be fresh', () => {
  const windows = { swrMs: 1000, graceMs: 0 }
  expect(remainingOf({ freshUntil: 14_000, ttlMs: 10_000 }, windows, 1000)).toBe(10_000)
  expect(remainingOf({ freshUntil: 17_000, ttlMs: 10_000 }, windows, 1000)).toBe(0)
  expect(remainingOf({ freshUntil: 17_000, ttlMs: Infinity }, windows, 1000)).toBe(16_000)
  expect(remainingOf({ freshUntil: 17_000, ttlMs: 10_000 }, { swrMs: 0, graceMs: 0 }, 1000)).toBe(10_000)
})
