import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { memoryStore } from '../testing/index.ts'
import { testCacheDriver } from '../testing/conformance/index.ts'
import { memory } from './memory.ts'

testCacheDriver('memory', async () => {
  const clock = createManualClock()
  const driver = memory({ clock })
  return { driver, pass: clock.advance, close: driver.close }
})

testCacheDriver('a store that several engines of one process share', async () => {
  const clock = createManualClock()
  const store = memoryStore({ clock })
  return { driver: store.connect(), second: store.connect(), pass: clock.advance, close: async () => undefined }
})

it('holds no more entries than it was allowed, dropping the least recently used', () => {
  const signal = new AbortController().signal
  const driver = memory({ maxEntries: 2 })
  void driver.set('a', '1', 60_000, signal)
  void driver.set('b', '2', 60_000, signal)
  void driver.get('a', signal)
  void driver.set('c', '3', 60_000, signal)
  expect([driver.get('a', signal), driver.get('b', signal), driver.get('c', signal)]).toEqual(['1', undefined, '3'])
})

it('holds no more bytes than it was allowed', () => {
  const signal = new AbortController().signal
  const driver = memory({ maxBytes: 10_000 })
  for (let i = 0; i < 10; i++) void driver.set(`key${i}`, 'x'.repeat(1000), 60_000, signal)
  const kept = Array.from({ length: 10 }, (_, i) => driver.get(`key${i}`, signal)).filter(Boolean)
  expect(kept).toHaveLength(4)
})
