import { sleep } from '@msc/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cache } from './cache.ts'
import { createCache } from './create-cache.ts'
import { memory } from './drivers/memory.ts'
import { redis } from './drivers/redis.ts'
import { chaos, memoryStore, startRedis, type RunningRedis } from './testing/index.ts'
import { testCacheDriver } from './testing/conformance/index.ts'

const describeWithRedis = process.env['MSC_SKIP_REDIS'] ? describe.skip : describe

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const seeds = process.env['MSC_SEED'] ? [Number(process.env['MSC_SEED'])] : [1, 2, 3, Date.now() % 1_000_000]

describeWithRedis('with a redis-server', () => {
  let server: RunningRedis
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.close())
  const url = (): string => `redis://127.0.0.1:${server.port}`

  testCacheDriver('redis through a chaos driver that only delays', async () => {
    const random = seeded(1)
    const [driver, second] = [1, 2].map(() => chaos(redis({ url: url() }), { delayMs: 2, random })) as [
      ReturnType<typeof chaos>,
      ReturnType<typeof chaos>,
    ]
    return {
      driver,
      second,
      pass: (ms) => sleep(ms),
      async close() {
        await driver.close()
        await second.close()
      },
    }
  })

  it.each([
    ...seeds.map((seed) => [seed, 'redis'] as const),
    ...seeds.slice(0, 2).map((seed) => [seed, 'a store in memory'] as const),
  ])('never serves what was invalidated, nor what nobody wrote; seed %d on %s', async (seed, name) => {
    const store = memoryStore()
    console.log(`seed ${seed}: run it again with MSC_SEED=${seed}`)
    const random = seeded(seed)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const drivers = Array.from({ length: 8 }, () =>
      chaos(name === 'redis' ? redis({ url: url() }) : store.connect(), {
        refuse: 0.02,
        loseAnswer: 0.02,
        silence: 0.01,
        garbage: 0.03,
        delayMs: 3,
        random,
      }),
    )
    const caches = drivers.map((driver) =>
      createCache({
        driver,
        namespace: `chaos${seed}`,
        timeoutMs: 60,
        leaseMs: 300,
        lockWaitMs: 500,
        onError: () => {},
      }),
    )
    const keys = ['a:1', 'a:2', 'b:1']
    const truth = new Map(keys.map((key) => [key, 0]))
    /** The version that every call that begins now must see at least. */
    const floor = new Map(keys.map((key) => [key, 0]))
    const load = async (key: string) => {
      const version = truth.get(key)
      await sleep(random() * 4)
      return { key, version }
    }
    const end = performance.now() + 1500
    let reads = 0
    let changes = 0

    // Each reader is a process of its own: within one, a caller may join a load that began before another process's
    // invalidation, which is served to it and not kept.
    const reader = async (cache: Cache): Promise<void> => {
      while (performance.now() < end) {
        const key = pick(keys)
        const least = floor.get(key) as number
        const single = random() < 0.8
        const value = single
          ? await cache.cache(key, () => load(key), { ttl: 5, tags: [key], ...(random() < 0.3 && { lock: false }) })
          : (await cache.cacheMany([key], async () => [await load(key)], { ttl: 5, tags: [key] }))[0]
        expect(value).toEqual({ key, version: expect.any(Number) as number })
        expect(value?.version, `${key} by ${single ? 'cache' : 'cacheMany'}`).toBeGreaterThanOrEqual(least)
        reads += 1
      }
    }
    const writer = async (): Promise<void> => {
      while (performance.now() < end) {
        await sleep(random() * 25)
        const cache = pick(caches)
        const key = pick(keys)
        const version = (truth.get(key) as number) + 1
        truth.set(key, version)
        const how = pick([
          () => cache.invalidate(key),
          () => cache.invalidate(`${key[0]}:*`),
          () => cache.invalidateTag(key),
        ])
        const done = await how().then(
          () => true,
          // It said that it failed: the caller knows that old values may still be served.
          () => false,
        )
        if (!done) continue
        floor.set(key, Math.max(floor.get(key) as number, version))
        changes += 1
      }
    }
    await Promise.all([...caches.map(reader), writer(), writer()])
    expect(reads).toBeGreaterThan(50)
    expect(changes).toBeGreaterThan(5)
    expect(drivers.reduce((sum, { faults }) => sum + faults, 0)).toBeGreaterThan(5)
    expect(caches.reduce((sum, cache) => sum + cache.stats().hits, 0)).toBeGreaterThan(0)
    await Promise.all(caches.map((cache) => cache.close()))
  })

  it.each(seeds.slice(0, 2))(
    'serves nothing from near a second after another process dropped it; seed %d',
    async (seed) => {
      const random = seeded(seed)
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
      const caches = Array.from({ length: 4 }, () =>
        createCache({
          driver: chaos(redis({ url: url() }), { delayMs: 3, random }),
          namespace: `near${seed}`,
          local: true,
          timeoutMs: 2000,
          onError: () => {},
        }),
      )
      const keys = ['a:1', 'a:2', 'b:1']
      const truth = new Map(keys.map((key) => [key, 0]))
      const drops: { readonly key: string; readonly version: number; readonly at: number }[] = []
      const end = performance.now() + 3500
      let near = 0

      const reader = async (cache: Cache): Promise<void> => {
        while (performance.now() < end) {
          const key = pick(keys)
          const from = performance.now()
          const least = Math.max(
            0,
            ...drops.filter((it) => it.key === key && it.at < from - 1000).map((it) => it.version),
          )
          const version = await cache.cache(key, async () => truth.get(key) as number, { ttl: 60, tags: [key] })
          expect(version, key).toBeGreaterThanOrEqual(least)
          if (performance.now() - from < 0.2) near += 1
          await sleep(random() * 4)
        }
      }
      const writer = async (): Promise<void> => {
        while (performance.now() < end) {
          await sleep(random() * 200)
          const cache = pick(caches)
          const key = pick(keys)
          const version = (truth.get(key) as number) + 1
          truth.set(key, version)
          await pick([
            () => cache.invalidate(key),
            () => cache.invalidate(`${key[0]}:*`),
            () => cache.invalidateTag(key),
            () => cache.set(key, version, { ttl: 60, tags: [key] }),
          ])()
          drops.push({ key, version, at: performance.now() })
        }
      }
      await Promise.all([...caches.map(reader), writer()])
      expect(drops.length).toBeGreaterThan(5)
      expect(near).toBeGreaterThan(20)
      await Promise.all(caches.map((cache) => cache.close()))
    },
  )
})

it('answers every call whatever a store does, and leaves no rejection behind', async () => {
  const stray: unknown[] = []
  const onStray = (reason: unknown): void => void stray.push(reason)
  process.on('unhandledRejection', onStray)
  const random = seeded(7)
  const driver = chaos({ ...memory(), capabilities: { shared: true } })
  const cache = createCache({ driver, timeoutMs: 20, onError: () => {} })
  for (const fault of ['refuse', 'loseAnswer', 'silence', 'garbage'] as const) {
    driver.setChaos({ [fault]: 1, random })
    for (let i = 0; i < 10; i++) {
      expect(await cache.cache(`${fault}${i}`, async () => i, { ttl: 60, swr: 60, tags: ['t'] })).toBe(i)
      expect(await cache.cacheMany([`m${i}`], async () => [i])).toEqual([i])
      expect(await cache.get(`absent${i}`)).toBeUndefined()
      expect(await cache.getMany([`absent${i}`])).toEqual([undefined])
      expect(typeof (await cache.set(`s${i}`, i))).toBe('boolean')
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  process.off('unhandledRejection', onStray)
  expect(stray).toEqual([])
  await cache.close()
})
