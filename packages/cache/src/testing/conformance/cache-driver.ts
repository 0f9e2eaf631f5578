import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { CacheDriver } from '../../driver.ts'
import { testEngine } from './engine.ts'
import { testLeases } from './leases.ts'
import { testLimits } from './limits.ts'
import { testLog } from './log.ts'
import { scanAll, type CacheDriverSetup } from './setup.ts'

export type { CacheDriverSetup } from './setup.ts'

/**
 * What every driver of `@msc/cache` promises, and what the engine makes of it, with the driver's optional methods and
 * without. Call it in a test file with a function that sets the backend up.
 */
export function testCacheDriver(name: string, setUp: () => Promise<CacheDriverSetup>): void {
  describe(`cache driver: ${name}`, () => {
    const signal = new AbortController().signal
    let setup: CacheDriverSetup
    let driver: CacheDriver
    let prefix = ''
    let run = 0
    const key = (rest: string): string => `${prefix}${rest}`

    beforeAll(async () => {
      setup = await setUp()
      driver = setup.driver
    })
    beforeEach(() => {
      prefix = `t${++run}:`
    })
    afterAll(() => setup.close())

    it('declares version 1 of the contract', () => {
      expect(driver.specificationVersion).toBe(1)
    })

    it('answers undefined for a key that was never set', async () => {
      expect(await driver.get(key('none'), signal)).toBeUndefined()
    })

    it.each([
      ['empty', ''],
      ['the text null', 'null'],
      ['a number', '42'],
      ['quotes and braces', '{"a":"b"}'],
      ['beyond the BMP', '🎵 ノート \u0000 end'],
      ['OK, which Upstash leaves unencoded', 'OK'],
      ['base64', 'T0s='],
      ['100 kB', 'x'.repeat(100_000)],
    ])('gives back the same text: %s', async (_label, value) => {
      await driver.set(key('text'), value, 60_000, signal)
      expect(await driver.get(key('text'), signal)).toBe(value)
    })

    it('keeps keys with odd characters apart', async () => {
      const keys = ['a b', 'a/b', 'a%2Fb', 'ä', 'a*', 'a?', 'a[b]', '__proto__'].map(key)
      for (const each of keys) await driver.set(each, `value of ${each}`, 60_000, signal)
      for (const each of keys) expect(await driver.get(each, signal)).toBe(`value of ${each}`)
    })

    it('expires a value after its time, and a new set renews it', async () => {
      await driver.set(key('short'), 'a', 150, signal)
      await driver.set(key('renewed'), 'a', 150, signal)
      await driver.set(key('renewed'), 'b', 60_000, signal)
      await setup.pass(250)
      expect(await driver.get(key('short'), signal)).toBeUndefined()
      expect(await driver.get(key('renewed'), signal)).toBe('b')
    })

    it('counts what it deletes', async () => {
      await driver.set(key('a'), '1', 60_000, signal)
      await driver.set(key('b'), '2', 60_000, signal)
      expect(await driver.delete([key('a'), key('b'), key('c')], signal)).toBe(2)
      expect(await driver.get(key('a'), signal)).toBeUndefined()
      expect(await driver.delete([], signal)).toBe(0)
    })

    it('reads many keys in order', async () => {
      if (!driver.getMany) return
      await driver.set(key('one'), '1', 60_000, signal)
      await driver.set(key('three'), '3', 60_000, signal)
      expect(await driver.getMany([key('one'), key('two'), key('three')], signal)).toEqual(['1', undefined, '3'])
    })

    it('writes many entries, each with its own time', async () => {
      if (!driver.setMany) return
      await driver.setMany(
        [
          { key: key('long'), value: '1', ttlMs: 60_000 },
          { key: key('brief'), value: '2', ttlMs: 150 },
        ],
        signal,
      )
      expect(await driver.get(key('brief'), signal)).toBe('2')
      await setup.pass(250)
      expect([await driver.get(key('long'), signal), await driver.get(key('brief'), signal)]).toEqual(['1', undefined])
      await driver.setMany([], signal)
    })

    it('increments atomically and never leaves a counter without expiry', async () => {
      const first = await driver.increment(key('n'), 2, 60_000, signal)
      expect(first.value).toBe(2)
      await Promise.all(Array.from({ length: 50 }, () => driver.increment(key('n'), 1, 5_000_000, signal)))
      const last = await driver.increment(key('n'), -1, 60_000, signal)
      expect(last.value).toBe(51)
      expect(last.ttlMs).toBeGreaterThan(0)
      // The time of the first call, not of a later one.
      expect(last.ttlMs).toBeLessThanOrEqual(60_000)
    })

    it('starts a counter again when its time is up', async () => {
      await driver.increment(key('n'), 5, 150, signal)
      await setup.pass(250)
      expect((await driver.increment(key('n'), 1, 60_000, signal)).value).toBe(1)
    })

    it.each([
      ['user:*', ['user:1', 'user:10', 'user:[1]']],
      ['user:?', ['user:1']],
      ['user:\\*', []],
      ['user:[1]', ['user:[1]']],
      ['v:?', ['v:é', 'v:🎵']],
      ['v:??', []],
      ['?:é', ['v:é']],
      ['*', ['user:1', 'user:10', 'user:[1]', 'v:é', 'v:🎵', 'x*y', 'xzy']],
      ['x\\*y', ['x*y']],
    ])('matches the pattern %s', async (pattern, expected) => {
      for (const each of ['user:1', 'user:10', 'user:[1]', 'v:é', 'v:🎵', 'x*y', 'xzy'])
        await driver.set(key(each), '1', 60_000, signal)
      expect(await scanAll(driver, key(pattern), signal)).toEqual(expected.map(key).sort())
    })

    it('walks more keys than a page holds', async () => {
      const keys = Array.from({ length: 1200 }, (_, i) => key(`many:${i}`))
      await Promise.all(keys.map((each) => driver.set(each, '1', 60_000, signal)))
      expect(await scanAll(driver, key('many:*'), signal)).toEqual([...keys].sort())
    })

    it('is seen by a second connection if it says it is shared', async () => {
      const says = '`capabilities.shared` and a `second` connection, which setUp returns, belong together'
      expect(setup.second !== undefined, says).toBe(driver.capabilities.shared)
      if (!setup.second) return
      await driver.set(key('shared'), 'yes', 60_000, signal)
      expect(await setup.second.get(key('shared'), signal)).toBe('yes')
    })

    it('answers a health check', async () => {
      await expect(driver.health(signal)).resolves.toBeUndefined()
    })

    const suite = { setup: () => setup, key, signal }
    testLeases(suite)
    testLog(suite)
    testLimits(suite)
    testEngine(suite)
  })
}
