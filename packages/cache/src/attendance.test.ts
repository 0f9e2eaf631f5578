import { currentContext, currentScope, newTrace, systemClock, withUnit, type Clock, type Scope } from '@msc/core'
import { afterEach, describe, expect, it } from 'vitest'
import { gate } from './__fixtures__/gate.ts'
import type { Cache } from './cache.ts'
import { createCache } from './create-cache.ts'
import { memory } from './drivers/memory.ts'
import type { CacheDriver } from './driver.ts'
import type { FillOptions } from './plan.ts'
import { memoryStore } from './testing/index.ts'

// Timers are the real ones: those of a manual clock run in the unit of whoever advances it, which would hide all of this.
let skippedMs = 0
const clock: Clock = {
  ...systemClock,
  now: () => systemClock.now() + skippedMs,
  monotonic: () => systemClock.monotonic() + skippedMs,
}

const kinds: Readonly<Record<string, () => CacheDriver>> = {
  memory: () => memory({ clock }),
  'a shared store': () => memoryStore({ clock }).connect(),
}

const opened: Cache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

interface Told {
  readonly error: Error
  readonly operation: string
  readonly user: unknown
}

/** Whoever is asked for: a unit of work with a user, as a request is. */
const asUser = <T>(id: string, work: (scope: Scope) => Promise<T>): Promise<T> =>
  withUnit({ trace: newTrace(), userId: id }, () => {
    const scope = currentScope() as Scope
    scope.user = { id }
    return work(scope)
  })

describe.each(Object.keys(kinds))('work that outlives its caller, on %s', (kind) => {
  const setUp = async (options: FillOptions) => {
    const told: Told[] = []
    const cache = createCache({
      driver: (kinds[kind] as () => CacheDriver)(),
      clock,
      onError: (error, { operation }) =>
        told.push({ error, operation, user: currentScope()?.user ?? currentContext()?.userId }),
    })
    opened.push(cache)
    await cache.cache('k', async () => 'old', options)
    skippedMs += 11_000
    return { cache, told }
  }

  it('refreshes as nobody, in the trace of who read the stale value', async () => {
    const options = { ttl: 10, swr: 3600 }
    const { cache } = await setUp(options)
    const hold = gate()
    await asUser('dora', async (scope) => {
      const trace = currentContext()?.trace
      const seen: unknown[] = []
      const load = async (): Promise<string> => {
        await hold.promise
        const own = currentScope() as Scope
        seen.push(own.user, currentContext()?.userId, currentContext()?.trace.traceId)
        own.user = { id: 'service-account' }
        own.tags.set('tenant', 'other')
        return 'new'
      }
      expect(await cache.cache('k', load, options)).toBe('old')
      hold.release()
      await cache.flush()
      expect(seen).toEqual([undefined, undefined, trace?.traceId])
      expect([scope.user, scope.tags.size]).toEqual([{ id: 'dora' }, 0])
      expect(await cache.get('k')).toBe('new')
    })
  })

  it('reports a refresh that failed as the failure of nobody', async () => {
    const options = { ttl: 10, swr: 3600 }
    const { cache, told } = await setUp(options)
    await asUser('dora', async () => {
      const load = async (): Promise<string> => Promise.reject(new Error('the source is down'))
      expect(await cache.cache('k', load, options)).toBe('old')
    })
    await cache.flush()
    expect(told).toMatchObject([{ operation: 'refresh', user: undefined }])
  })

  it('keeps what a load learns after the soft timeout out of the scope of its caller', async () => {
    const options = { ttl: 10, grace: 3600, softTimeout: 5 }
    const { cache, told } = await setUp(options)
    const hold = gate()
    const work: Promise<unknown>[] = []
    const begun: unknown[] = []
    await asUser('dora', async (scope) => {
      const load = async (): Promise<string> => {
        const own = currentScope() as Scope
        begun.push(own.user)
        await hold.promise
        own.user = { id: 'service-account' }
        own.tags.set('tenant', 'other')
        throw new Error('too late')
      }
      const waitUntil = (each: Promise<unknown>): void => void work.push(each)
      expect(await cache.cache('k', load, { ...options, waitUntil })).toBe('old')
      hold.release()
      await Promise.all(work)
      // Begun as the caller's own.
      expect(begun).toEqual([{ id: 'dora' }])
      expect([scope.user, scope.tags.size]).toEqual([{ id: 'dora' }, 0])
    })
    expect(told).toMatchObject([{ operation: 'refresh', user: undefined }])
  })

  it('reports a load that failed while its caller waited as that of the caller', async () => {
    const options = { ttl: 10, grace: 3600, softTimeout: 60_000 }
    const { cache, told } = await setUp(options)
    await asUser('dora', () => cache.cache('k', async () => Promise.reject(new Error('down')), options))
    expect(told).toMatchObject([{ operation: 'refresh', user: { id: 'dora' } }])
  })

  it.each(['the hard timeout', 'an abort of the caller'])(
    'keeps what a load learns after %s to itself',
    async (end) => {
      const { cache } = await setUp({})
      const abort = new AbortController()
      const options = end === 'the hard timeout' ? { hardTimeout: 5 } : { signal: abort.signal }
      const hold = gate()
      const over = gate()
      await asUser('dora', async (scope) => {
        const load = async (): Promise<string> => {
          abort.abort(new Error('gone'))
          await hold.promise
          ;(currentScope() as Scope).user = { id: 'service-account' }
          over.release()
          return 'late'
        }
        await expect(cache.cache('other', load, options)).rejects.toThrow()
        hold.release()
        await over.promise
        expect(scope.user).toEqual({ id: 'dora' })
      })
    },
  )

  it.each(['throws', 'rejects'])('serves its caller all the same where waitUntil %s, and reports that', async (how) => {
    const waitUntil = (): void => {
      if (how === 'throws') throw new Error('after() outside a request')
      return Promise.reject(new Error('after() outside a request')) as unknown as undefined
    }
    const hold = gate()
    const slowly = async (): Promise<string> => {
      await hold.promise
      return 'new'
    }
    for (const window of [{ swr: 3600 }, { grace: 3600, softTimeout: 5 }]) {
      const options = { ttl: 10, ...window }
      const { cache, told } = await setUp(options)
      expect(await cache.cache('k', slowly, { ...options, waitUntil })).toBe('old')
      await Promise.resolve()
      expect(told).toMatchObject([{ operation: 'waitUntil', error: { message: 'after() outside a request' } }])
    }
    hold.release()
  })
})

it('times the calls of all units outside of each', async () => {
  const within: unknown[] = []
  const driver = { ...memoryStore().connect(), get: () => new Promise<undefined>(() => undefined) }
  const cache = createCache({
    driver,
    timeoutMs: 20,
    onError: () => undefined,
    clock: {
      ...systemClock,
      setTimeout(run, ms, options) {
        within.push(currentContext()?.userId)
        return systemClock.setTimeout(run, ms, options)
      },
    },
  })
  opened.push(cache)
  await asUser('dora', () => cache.get('k'))
  expect(within.length).toBeGreaterThan(1)
  expect(within.filter((user) => user !== undefined)).toEqual([])
})
