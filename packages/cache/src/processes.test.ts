import { fork } from 'node:child_process'
import { once } from 'node:events'
import { sleep } from '@msc/core'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { gate } from './__fixtures__/gate.ts'
import type { Cache, CacheOptions } from './cache.ts'
import { createCache } from './create-cache.ts'
import type { CacheDriver } from './driver.ts'
import { redis } from './drivers/redis.ts'
import { upstash } from './drivers/upstash.ts'
import {
  chaos,
  memoryStore,
  startRedis,
  startUpstashServer,
  type RunningRedis,
  type UpstashServer,
} from './testing/index.ts'

const describeWithRedis = process.env['MSC_SKIP_REDIS'] ? describe.skip : describe
const TOKEN = 'secret'

describeWithRedis('several processes on one store', () => {
  let server: RunningRedis
  let bridge: UpstashServer
  const opened: Cache[] = []
  const store = memoryStore()
  let run = 0

  beforeAll(async () => {
    server = await startRedis()
    bridge = await startUpstashServer({ redis: server, token: TOKEN })
  })
  afterAll(async () => {
    await bridge.close()
    await server.close()
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((cache) => cache.close()))
  })

  const driverOf = (name: string): CacheDriver =>
    name === 'redis'
      ? redis({ url: `redis://127.0.0.1:${server.port}` })
      : name === 'upstash'
        ? upstash({ url: bridge.url, token: TOKEN })
        : store.connect()

  /** Caches that share a namespace of their own, each on a connection of its own, as processes would be. */
  const open = (driver: string | (() => CacheDriver), options: Partial<CacheOptions> = {}, count = 2): Cache[] => {
    const namespace = `n${(run += 1)}`
    const caches = Array.from({ length: count }, () =>
      createCache({
        driver: typeof driver === 'string' ? driverOf(driver) : driver(),
        namespace,
        timeoutMs: 3000,
        onError: () => {},
        ...options,
      }),
    )
    opened.push(...caches)
    return caches
  }
  describe.each(['redis', 'upstash', 'a store in memory'])('on %s', (name) => {
    it('loads a key once for all processes', async () => {
      const caches = open(name, {}, 5)
      const load = vi.fn(async () => {
        await sleep(60)
        return { title: 'Night Drive' }
      })
      const values = await Promise.all(
        Array.from({ length: 100 }, (_, i) => (caches[i % 5] as Cache).cache('k', load, 60)),
      )
      expect(load).toHaveBeenCalledTimes(1)
      expect(values.every(({ title }) => title === 'Night Drive')).toBe(true)
    })

    it.each([
      ['a delete', (cache: Cache) => cache.invalidate('release:1')],
      ['a pattern', (cache: Cache) => cache.invalidate('release:*')],
      ['a tag', (cache: Cache) => cache.invalidateTag('releases')],
      ['a set', (cache: Cache) => cache.set('release:1', 'new')],
    ])('lets %s by another process win over a fill', async (_label, invalidate) => {
      const [a, b] = open(name) as [Cache, Cache]
      const loading = gate<void>()
      const answer = gate<string>()
      const filling = a.cache(
        'release:1',
        () => {
          loading.release()
          return answer.promise
        },
        { ttl: 60, tags: ['releases'] },
      )
      await loading.promise
      await invalidate(b)
      answer.release('old')
      expect(await filling).toBe('old')
      for (const cache of [a, b]) expect(await cache.cache('release:1', async () => 'new', 60)).toBe('new')
    })

    it('does not wait for a process that fails, and keeps the error to it', async () => {
      const [a, b] = open(name) as [Cache, Cache]
      const loading = gate<void>()
      const answer = gate<string>()
      const failing = a.cache('k', () => {
        loading.release()
        return answer.promise
      })
      const failed = expect(failing).rejects.toThrow('away')
      await loading.promise
      const waiting = b.cache('k', async () => 'from b')
      answer.release(Promise.reject(new Error('away')) as never)
      await failed
      expect(await waiting).toBe('from b')
    })

    it('does not wait where it is told not to, and lets the value of who has the lease stay', async () => {
      const [a, b] = open(name) as [Cache, Cache]
      const loading = gate<void>()
      const answer = gate<string>()
      const filling = a.cache('k', () => {
        loading.release()
        return answer.promise
      })
      await loading.promise
      expect(await b.cache('k', async () => 'from b', { lock: false })).toBe('from b')
      answer.release('from a')
      await filling
      expect(await b.get('k')).toBe('from a')
    })

    it('waits no longer than it is told to', async () => {
      const [a, b] = open(name, { lockWaitMs: 150 }) as [Cache, Cache]
      const loading = gate<void>()
      const answer = gate<string>()
      const filling = a.cache('k', () => {
        loading.release()
        return answer.promise
      })
      await loading.promise
      expect(await b.cache('k', async () => 'from b')).toBe('from b')
      answer.release('from a')
      expect(await filling).toBe('from a')
    })

    it('drops a tag for all, whenever its entries were written', async () => {
      const [a, b] = open(name) as [Cache, Cache]
      await a.cache('x', async () => 1, { tags: ['t', 'u'] })
      await b.setMany([['y', 1]], { tags: ['t'] })
      await a.cacheMany(['z'], async () => [1], { tags: ['t'] })
      // Read by who names no tag.
      expect(await b.getMany(['x', 'y', 'z'])).toEqual([1, 1, 1])
      await b.invalidateTag('t')
      expect(await a.getMany(['x', 'y', 'z'])).toEqual([undefined, undefined, undefined])
      expect(await a.cache('x', async () => 2, { tags: ['t', 'u'] })).toBe(2)
      expect(await b.get('x')).toBe(2)
    })

    it('keeps what of a batch no other process has invalidated meanwhile', async () => {
      const [a, b] = open(name) as [Cache, Cache]
      const loading = gate<void>()
      const answer = gate<string[]>()
      const filling = a.cacheMany(['kept', 'gone', 'list:1', 'tagged'], () => {
        loading.release()
        return answer.promise
      })
      await loading.promise
      await b.invalidate('gone')
      await b.invalidate('list:*')
      await b.set('other', 1)
      answer.release(['1', '2', '3', '4'])
      expect(await filling).toEqual(['1', '2', '3', '4'])
      expect(await b.getMany(['kept', 'gone', 'list:1', 'tagged'])).toEqual(['1', undefined, undefined, '4'])
    })

    it('lets no batch slip in between the values that a pattern drops and the word of it', async () => {
      const driver = driverOf(name)
      const scanned = gate<void>()
      const go = gate<void>()
      let held = false
      const [a] = open(() => driver) as [Cache]
      const b = createCache({
        driver: {
          ...driver,
          async delete(keys, signal) {
            const count = await driver.delete(keys, signal)
            if (keys.some((key) => key.includes(':list:')) && !held) {
              held = true
              scanned.release()
              await go.promise
            }
            return count
          },
        },
        namespace: `n${run}`,
        timeoutMs: 3000,
      })
      await b.set('list:0', 1)
      const loading = gate<void>()
      const answer = gate<string[]>()
      const filling = a.cacheMany(['list:1'], () => {
        loading.release()
        return answer.promise
      })
      await loading.promise
      const invalidating = b.invalidate('list:*')
      await scanned.promise
      answer.release(['old'])
      await filling
      go.release()
      await invalidating
      expect(await a.get('list:1')).toBeUndefined()
    })

    it('gives types back to another process as they were, compressed or not', async () => {
      const [a, b] = open(name, { compressAbove: 200 }) as [Cache, Cache]
      const value = {
        date: new Date(5),
        map: new Map([['k', new Set([1n])]]),
        bytes: new Uint8Array([0, 255]),
        text: 'ノート🎵 '.repeat(200),
        none: null,
      }
      for (const each of [value, new Date(1), 0, '', false, null]) {
        await a.cache(`v:${String(each)}`, async () => each)
        const load = vi.fn()
        expect(await b.cache(`v:${String(each)}`, load)).toEqual(each)
        expect(load).not.toHaveBeenCalled()
      }
    })

    it('drops what another process held near within a second', async () => {
      const [a, b] = open(name, { local: true }) as [Cache, Cache]
      const versions = { k: 1, tagged: 1, 'list:1': 1 }
      const read = async (cache: Cache): Promise<number[]> =>
        Promise.all(
          Object.entries(versions).map(([key, version]) =>
            cache.cache(key, async () => version, { ttl: 3600, tags: key === 'tagged' ? ['t'] : [] }),
          ),
        )
      await expect
        .poll(async () => {
          await read(b)
          const { hits } = b.stats()
          await read(b)
          return b.stats().hits - hits
        })
        .toBe(3)
      expect(await read(b)).toEqual([1, 1, 1])
      Object.assign(versions, { k: 2, tagged: 2, 'list:1': 2 })
      const from = performance.now()
      await a.invalidate('k')
      await a.invalidateTag('t')
      await a.invalidate('list:*')
      await expect.poll(() => read(b), { interval: 10, timeout: 1000 }).toEqual([2, 2, 2])
      expect(performance.now() - from).toBeLessThan(1000)
    })

    it('serves nothing from near that was invalidated while it could not hear of it', async () => {
      const deaf = chaos(driverOf(name))
      const [a] = open(name) as [Cache]
      const namespace = `n${run}`
      const b = createCache({ driver: deaf, namespace, local: true, timeoutMs: 300, onError: () => {} })
      opened.push(b)
      let version = 1
      const read = (): Promise<number> => b.cache('k', async () => version, 3600)
      await expect
        .poll(async () => {
          await read()
          const { hits } = b.stats()
          await read()
          return b.stats().hits - hits
        })
        .toBe(1)
      deaf.setChaos({ refuse: 1, random: () => 0 })
      version = 2
      await a.invalidate('k')
      // Away from the store there is nothing better than what it has.
      expect([1, 2]).toContain(await read())
      await sleep(900)
      deaf.setChaos(undefined)
      // Back, and past the breaker's cool-down at the latest, never again.
      await expect.poll(read, { timeout: 7000, interval: 100 }).toBe(2)
      for (let i = 0; i < 5; i++) expect(await read()).toBe(2)
    })
  })

  it('takes over from a process that was killed while it loaded, when its lease ends', async () => {
    const [cache] = open('redis', { namespace: 'msc', leaseMs: 600 }, 1) as [Cache]
    const holder = fork(new URL('./__fixtures__/holder.ts', import.meta.url), [String(server.port)], {
      execArgv: ['--conditions=@msc/source', '--no-warnings'],
    })
    await once(holder, 'message')
    const waiting = cache.cache('held', async () => 'taken over')
    // The lease is renewed for as long as its holder lives.
    expect(await Promise.race([waiting, sleep(1200).then(() => 'still held')])).toBe('still held')
    holder.kill('SIGKILL')
    const from = performance.now()
    expect(await waiting).toBe('taken over')
    expect(performance.now() - from).toBeLessThan(2000)
  })

  it('works on when the server has restarted, scripts and all', async () => {
    const own = await startRedis()
    const cache = createCache({ driver: redis({ url: `redis://127.0.0.1:${own.port}` }), onError: () => {} })
    expect(await cache.cache('k', async () => 1)).toBe(1)
    await own.close()
    expect(await cache.cache('k', async () => 2)).toBe(2)
    const again = await startRedis({ port: own.port })
    await expect
      .poll(
        async () => {
          await cache.cache('after', async () => 3)
          return cache.get('after')
        },
        { timeout: 8000 },
      )
      .toBe(3)
    await cache.close()
    await again.close()
  })

  it('is served from near, or by the loader, while the server is silent, in one deadline', async () => {
    const own = await startRedis()
    const cache = createCache({
      driver: redis({ url: `redis://127.0.0.1:${own.port}` }),
      local: true,
      timeoutMs: 300,
      onError: () => {},
    })
    await cache.cache('warm', async () => 'near', 3600)
    await cache.cache('warm', async () => 'near', 3600)
    own.pause()
    const load = vi.fn(async () => 'loaded')
    for (const key of ['a', 'b']) {
      const from = performance.now()
      expect(await cache.cache(key, load)).toBe('loaded')
      expect(performance.now() - from).toBeLessThan(1200)
    }
    expect(await cache.cache('warm', load)).toBe('near')
    // What was loaded meanwhile need not be loaded again.
    expect(await cache.cache('a', async () => 'again')).toBe('loaded')
    expect(await cache.set('k', 1)).toBe(false)
    await expect(cache.invalidate('warm')).rejects.toMatchObject({ retryable: true })
    own.resume()
    await cache.close()
    await own.close()
  })
})
