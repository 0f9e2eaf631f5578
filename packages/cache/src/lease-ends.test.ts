import { createManualClock } from '@msc/core/testing'
import { expect, it, vi } from 'vitest'
import { createCache } from './create-cache.ts'
import type { CacheDriver } from './driver.ts'
import { memoryStore } from './testing/index.ts'

it('gives a lease back that it has taken and can not load under', async () => {
  const clock = createManualClock()
  const store = memoryStore({ clock })
  const plain = store.connect()
  const renew = vi.fn(plain.coordination?.renew)
  let fails = false
  const driver = {
    ...plain,
    // The tag of the stored value, asked for once the lease is taken.
    getMany: async (keys: readonly string[], signal: AbortSignal) => {
      if (!fails || keys.length > 1) return plain.getMany?.(keys, signal)
      fails = false
      throw new Error('a blip')
    },
    coordination: { ...plain.coordination, renew },
  } as CacheDriver
  const one = createCache({ driver, clock, leaseMs: 300, onError: () => undefined })
  const other = createCache({ driver: store.connect(), clock, leaseMs: 300 })
  const options = { ttl: '1h', tags: ['t'] }
  await one.cache('k', async () => 1, options)
  await one.invalidateTag('t')
  fails = true
  expect(await one.cache('k', async () => 2, options)).toBe(2)
  expect(fails).toBe(false)
  // Not held by anybody: the next one loads at once, and what it brings is kept.
  expect(await other.cache('k', async () => 3, options)).toBe(3)
  expect(await other.get('k')).toBe(3)
  await clock.advance(10_000)
  expect(renew).not.toHaveBeenCalled()
  await one.close()
  await other.close()
})

it('gives a lease back where what was loaded can not be written down', async () => {
  const clock = createManualClock()
  const store = memoryStore({ clock })
  const one = createCache({ driver: store.connect(), clock, leaseMs: 300, compressAbove: 10, onError: () => undefined })
  const other = createCache({ driver: store.connect(), clock, leaseMs: 300 })
  vi.stubGlobal('CompressionStream', undefined)
  try {
    expect(await one.cache('k', async () => 'longer than that', 60)).toBe('longer than that')
  } finally {
    vi.unstubAllGlobals()
  }
  expect(await other.cache('k', async () => 'other', 60)).toBe('other')
  expect(await other.get('k')).toBe('other')
  await one.close()
  await other.close()
})
