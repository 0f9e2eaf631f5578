import { describe, expect, it } from 'vitest'
import type { Cache } from '../../cache.ts'
import { createCache } from '../../create-cache.ts'
import type { CacheDriver } from '../../driver.ts'
import { failureOf, type Suite } from './setup.ts'

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
        'keeps keys apart that hold half a surrogate pair',
        withCaches(async ({ cache, other }) => {
          const reader = other ?? cache
          const names = ['s:\ud800', 's:\ud801', 's:\ufffd', `${'long'.repeat(119)}s:🎵${'long'.repeat(20)}`]
          for (const name of names) await cache.set(name, `value of ${JSON.stringify(name)}`)
          for (const name of names) expect(await reader.get(name)).toBe(`value of ${JSON.stringify(name)}`)
          expect(await cache.cacheMany(['s:\udfff'], async () => ['loaded'])).toEqual(['loaded'])
          expect(await reader.get('s:\udfff')).toBe('loaded')
          expect(await cache.invalidate('s:\ud800')).toBe(1)
          expect(await reader.getMany(['s:\ud800', 's:\ud801'])).toEqual([undefined, 'value of "s:\\ud801"'])
        }),
      )

      it(
        'drops all of a query, however long its name and its parameters',
        withCaches(async ({ cache, other }) => {
          const reader = other ?? cache
          for (const name of ['releases', 'q'.repeat(600)]) {
            const load = async (): Promise<number> => 1
            for (const params of [{ a: 1 }, { a: 'x'.repeat(600) }]) await cache.cacheQuery(name, params, load, 60)
            expect(await reader.invalidateQuery(name)).toBe(2)
            expect(await reader.cacheQuery(name, { a: 1 }, async () => 2, 60)).toBe(2)
          }
        }),
      )

      it(
        'forgets a failure that is thrown again when its tag is invalidated',
        withCaches(async ({ cache }) => {
          const options = { negativeTtl: 60, tags: ['t'] }
          const fail = async (): Promise<string> => Promise.reject(new Error('not found'))
          expect(String(await failureOf(() => cache.cache('negative', fail, options)))).toBe('Error: not found')
          expect(String(await failureOf(() => cache.cache('negative', async () => 'new', options)))).toBe(
            'Error: not found',
          )
          await cache.invalidateTag('t')
          expect(await cache.cache('negative', async () => 'new', options)).toBe('new')
        }),
      )

      it(
        'writes nothing that it could not keep as long as it is told to',
        withCaches(async ({ cache }) => {
          const codeOf = async (call: () => unknown): Promise<unknown> =>
            ((await failureOf(call)) as { readonly code?: unknown } | undefined)?.code
          for (const call of [
            () => cache.increment('endless', 1, 1e20),
            () => cache.increment('endless', 1.5),
            () => cache.set('endless', 1, 1e20),
            () => cache.cache('endless', async () => 1, 1e20),
            () => cache.cacheMany(['endless'], async () => [1], { ttl: 1e20 }),
          ]) {
            expect(await codeOf(call)).toBe('CACHE_OPTION_INVALID')
          }
          expect(await codeOf(() => cache.rateLimit('endless', 1, Number.MAX_SAFE_INTEGER))).toBe('RATE_LIMIT_INVALID')
          expect([await cache.increment('endless', 0), await cache.get('endless')]).toEqual([0, undefined])
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
