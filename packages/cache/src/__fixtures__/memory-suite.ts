// The published suite on the memory driver, and the engine on top of it, for any runtime.
import { createCache } from '../create-cache.ts'
import { memory } from '../drivers/memory.ts'
import { testCacheDriver } from '../testing/conformance/index.ts'
import { memoryStore } from '../testing/memory-store.ts'
import { expect, it, runAll, type Report } from './mini-vitest.ts'

export async function suite(): Promise<Report> {
  testCacheDriver('memory', async () => {
    const driver = memory()
    return {
      driver,
      pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      close: () => driver.close(),
    }
  })
  testCacheDriver('a store of several engines', async () => {
    const store = memoryStore()
    return {
      driver: store.connect(),
      second: store.connect(),
      pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      close: async () => undefined,
    }
  })
  it('reads through, invalidates, limits', async () => {
    const cache = createCache({ driver: memory() })
    let loads = 0
    const load = async () => ({ title: 'Night Drive', at: new Date(5), loads: ++loads })
    const values = await Promise.all([1, 2, 3].map(() => cache.cache('k', load, { ttl: '1m', tags: ['t'] })))
    expect(values.map((value) => value.loads)).toEqual([1, 1, 1])
    await cache.invalidateTag('t')
    expect((await cache.cache('k', load)).loads).toBe(2)
    expect(await cache.invalidate('*')).toBe(1)
    expect((await cache.rateLimit('id', 1, 60)).allowed).toBe(true)
    expect((await cache.rateLimit('id', 1, 60)).allowed).toBe(false)
    await cache.close()
  })
  return runAll()
}
