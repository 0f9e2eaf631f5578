import { describe, expect, it } from 'vitest'
import type { Cache } from '../../cache.ts'
import { createCache } from '../../create-cache.ts'
import type { CacheDriver } from '../../driver.ts'
import type { Suite } from './setup.ts'

interface Variant {
  readonly label: string
  /** The driver as the engine is given it; `undefined` where that is nothing new. */
  readonly of: (driver: CacheDriver) => CacheDriver | undefined
}

/** The suite closes the driver, once. */
const kept = (driver: CacheDriver): CacheDriver => ({ ...driver, close: async () => undefined })

const VARIANTS: readonly Variant[] = [
  { label: 'with all that the driver has', of: kept },
  {
    label: 'without coordination',
    of(driver) {
      if (!driver.coordination) return undefined
      const { coordination: _coordination, ...plain } = kept(driver)
      return plain
    },
  },
  {
    label: 'with the required methods alone',
    of(driver) {
      const { coordination: _coordination, getMany: _getMany, setMany: _setMany, ...plain } = kept(driver)
      return plain
    },
  },
]

interface Opened {
  readonly cache: Cache
  readonly driver: CacheDriver
  /** Another engine, on the second connection where there is one. */
  readonly other: Cache | undefined
}

export function testEngine({ setup, key }: Suite): void {
  for (const { label, of } of VARIANTS) {
    describe(`the engine, ${label}`, () => {
      const withCaches = (run: (opened: Opened) => Promise<void>) => async (): Promise<void> => {
        const driver = of(setup().driver)
        if (!driver) return
        const second = setup().second && of(setup().second as CacheDriver)
        const options = { namespace: key('engine').replaceAll(':', '.'), timeoutMs: 10_000 }
        const cache = createCache({ ...options, driver })
        const other = second && createCache({ ...options, driver: second })
        try {
          await run({ cache, driver, other })
        } finally {
          await cache.close()
          await other?.close()
        }
      }

      it(
        'loads a key once, for all processes where they can agree',
        withCaches(async ({ cache, driver, other }) => {
          let loads = 0
          const load = async (): Promise<string> => {
            loads += 1
            await setup().pass(30)
            return 'loaded'
          }
          const callers = [cache, cache, ...(other ? [other, other] : [])]
          const values = await Promise.all(callers.map((each) => each.cache('k', load, 60)))
          expect(values).toEqual(callers.map(() => 'loaded'))
          expect(loads).toBeLessThanOrEqual(other && !driver.coordination ? 2 : 1)
          expect(await (other ?? cache).get('k')).toBe('loaded')
        }),
      )

      it(
        'keeps nothing of a load that an invalidation has overtaken',
        withCaches(async ({ cache, driver, other }) => {
          // Without coordination only the process that loads can know.
          const invalidator = other && driver.coordination ? other : cache
          for (const [name, invalidate] of [
            ['key', () => invalidator.invalidate('key:k')],
            ['pattern', () => invalidator.invalidate('pattern:*')],
            ['tag', () => invalidator.invalidateTag('t')],
            ['set', () => invalidator.set('set:k', 'new')],
          ] as const) {
            const value = await cache.cache(
              `${name}:k`,
              async () => {
                await invalidate()
                return 'old'
              },
              { ttl: 60, tags: ['t'] },
            )
            expect(value).toBe('old')
            expect(await cache.get(`${name}:k`)).toBe(name === 'set' ? 'new' : undefined)
          }
        }),
      )

      it(
        'keeps of a batch what was not invalidated meanwhile',
        withCaches(async ({ cache, driver, other }) => {
          const invalidator = other && driver.coordination ? other : cache
          const loadAll = async (missing: string[]): Promise<string[]> => {
            if (driver.coordination) {
              await invalidator.invalidate('gone')
              await invalidator.invalidate('list:*')
            }
            return missing.map((name) => `value of ${name}`)
          }
          const names = ['kept', 'gone', 'list:1']
          expect(await cache.cacheMany(names, loadAll, 60)).toEqual(names.map((name) => `value of ${name}`))
          const lost = driver.coordination !== undefined
          expect(await cache.getMany(names)).toEqual([
            'value of kept',
            lost ? undefined : 'value of gone',
            lost ? undefined : 'value of list:1',
          ])
        }),
      )

      it(
        'drops what it is told to: a key, a pattern, a tag',
        withCaches(async ({ cache, other }) => {
          const reader = other ?? cache
          await cache.setMany([
            ['a', 1],
            ['list:1', 1],
            ['list:2', 1],
          ])
          await cache.cache('tagged', async () => 1, { ttl: 60, tags: ['t'] })
          expect(await reader.getMany(['a', 'list:1', 'list:2', 'tagged'])).toEqual([1, 1, 1, 1])
          expect(await cache.invalidate('a')).toBe(1)
          expect(await cache.invalidate('list:*')).toBe(2)
          await cache.invalidateTag('t')
          expect(await reader.getMany(['a', 'list:1', 'list:2', 'tagged'])).toEqual([
            undefined,
            undefined,
            undefined,
            undefined,
          ])
        }),
      )

      it(
        'takes any name for a tag',
        withCaches(async ({ cache, other }) => {
          const tags = ['constructor', '__proto__', 'toString']
          const reader = other ?? cache
          for (const dropped of tags) {
            await cache.cache('tagged', async () => dropped, { ttl: 60, tags })
            expect(await reader.get('tagged')).toBe(dropped)
            expect(await reader.getMany(['tagged'])).toEqual([dropped])
            await cache.invalidateTag(dropped)
            expect(await reader.get('tagged')).toBeUndefined()
          }
        }),
      )

      it(
        'limits calls exactly, for all processes where they can agree',
        withCaches(async ({ cache, driver, other }) => {
          const callers = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? cache : (other ?? cache)))
          const results = await Promise.all(callers.map((each) => each.rateLimit('id', 7, 3600)))
          const allowed = results.filter((result) => result.allowed).length
          expect(allowed).toBe(other && !driver.coordination ? 14 : 7)
        }),
      )

      it(
        'counts for all processes',
        withCaches(async ({ cache, other }) => {
          await cache.increment('n', 2)
          expect(await (other ?? cache).increment('n', 1)).toBe(3)
        }),
      )
    })
  }
}
