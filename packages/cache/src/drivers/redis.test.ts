import { sleep } from '@msc/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRedis, testCacheDriver, type RunningRedis } from '../testing/index.ts'
import { lazyDriver } from '../lazy-driver.ts'
import { redis, redisFromEnv } from './redis.ts'

const describeWithRedis = process.env['MSC_SKIP_REDIS'] ? describe.skip : describe
const url = (server: RunningRedis): string => `redis://127.0.0.1:${server.port}`

describeWithRedis('with a redis-server', () => {
  testCacheDriver('redis, the real ioredis over a real redis-server', async () => {
    const server = await startRedis()
    const driver = redis({ url: url(server) })
    const second = redis({ url: url(server) })
    return {
      driver,
      second,
      pass: (ms) => sleep(ms),
      async close() {
        await driver.close()
        await second.close()
        await server.close()
      },
    }
  })

  testCacheDriver('redis, loaded when it is first called', async () => {
    const server = await startRedis()
    const open = () => lazyDriver('redis', { shared: true, cancels: false }, async () => redis({ url: url(server) }))
    const driver = open()
    const second = open()
    return {
      driver,
      second,
      pass: (ms) => sleep(ms),
      async close() {
        await driver.close()
        await second.close()
        await server.close()
      },
    }
  })

  describe('redis when things go wrong', () => {
    const signal = new AbortController().signal
    let server: RunningRedis
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.close())

    it('fails at once while the server is gone, and works when it is back, scripts included', async () => {
      const driver = redis({ url: url(server) })
      const script = { name: 'echo', lua: 'return ARGV[1]' }
      expect(await driver.evaluate?.(script, [], ['1'], signal)).toBe('1')
      await server.close()
      for (let i = 0; i < 3; i++) {
        await expect(driver.get('key', signal)).rejects.toMatchObject({ name: 'DriverError', retryable: true })
      }
      server = await startRedis({ port: server.port })
      await expect
        .poll(
          () =>
            driver.health(signal).then(
              () => true,
              () => false,
            ),
          { timeout: 5000 },
        )
        .toBe(true)
      expect(await driver.evaluate?.(script, [], ['2'], signal)).toBe('2')
      await driver.close()
    })

    it('does not take a late answer for the answer to a later call', async () => {
      const driver = redis({ url: url(server) })
      await driver.set('a', '1', 60_000, signal)
      await driver.set('b', '2', 60_000, signal)
      server.pause()
      const gaveUp = Promise.resolve(driver.get('a', AbortSignal.abort()))
      const late = Promise.resolve(driver.get('a', signal))
      const later = Promise.resolve(driver.get('b', signal))
      await expect(gaveUp).rejects.toMatchObject({ name: 'AbortError' })
      server.resume()
      expect([await late, await later]).toEqual(['1', '2'])
      await driver.close()
    })

    it('hears what is published, also after the server was away, and stops when told', async () => {
      const driver = redis({ url: url(server) })
      let heard = 0
      const stop = driver.listen?.('news', () => (heard += 1))
      await expect.poll(() => heard, { timeout: 5000 }).toBeGreaterThan(0)
      const publish = { name: 'publish', lua: `return redis.call('PUBLISH', KEYS[1], 'x')` }
      const delivered = async (): Promise<boolean> => {
        const receivers = await Promise.resolve(driver.evaluate?.(publish, ['news'], [], signal)).catch(() => 0)
        return receivers === 1
      }
      await expect.poll(delivered, { timeout: 5000 }).toBe(true)
      await server.close()
      server = await startRedis({ port: server.port })
      await expect.poll(delivered, { timeout: 8000 }).toBe(true)
      expect(heard).toBeGreaterThanOrEqual(3)
      await stop?.()
      const before = heard
      await driver.evaluate?.(publish, ['news'], [], signal)
      expect(heard).toBe(before)
      await driver.close()
    })

    it('never puts the password into an error', async () => {
      const driver = redis({ url: `redis://user:hunter2secret@127.0.0.1:${server.port}` })
      const error = await Promise.resolve(driver.get('key', signal)).then(
        () => undefined,
        (thrown: Error) => thrown,
      )
      expect(error).toBeDefined()
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error ?? {}))).not.toContain('hunter2secret')
      await driver.close()
    })
  })
})

describe('redis configuration', () => {
  it('needs an address', () => {
    expect(redisFromEnv({})).toBeUndefined()
    expect(redisFromEnv({ REDIS_URL: 'redis://127.0.0.1:6379' })?.name).toBe('redis')
    for (const bad of ['', 'localhost:6379', 'https://example.com'])
      expect(() => redis({ url: bad })).toThrow(/REDIS_URL|redis:\/\//)
  })
})
