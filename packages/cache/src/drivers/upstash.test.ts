import type { Redis } from '@upstash/redis'
import { sleep } from '@msc/core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { createCache } from '../create-cache.ts'
import { startRedis, startUpstashServer, type RunningRedis, type UpstashServer } from '../testing/index.ts'
import { testCacheDriver } from '../testing/conformance/index.ts'
import { RENEW } from './redis-scripts/leases.ts'
import { upstash, upstashFromEnv } from './upstash.ts'

const TOKEN = 'loopback-token-0123456789'

const describeWithRedis = process.env['MSC_SKIP_REDIS'] ? describe.skip : describe

describeWithRedis('with a redis-server', () => {
  testCacheDriver('upstash, the real SDK over a real redis-server', async () => {
    const redis = await startRedis()
    const server = await startUpstashServer({ redis, token: TOKEN })
    const driver = upstash({ url: server.url, token: TOKEN })
    const second = upstash({ url: server.url, token: TOKEN })
    return {
      driver,
      second,
      pass: (ms) => sleep(ms),
      async close() {
        await driver.close()
        await second.close()
        await server.close()
        await redis.close()
      },
    }
  })

  describe('upstash when things go wrong', () => {
    let redis: RunningRedis
    let server: UpstashServer
    beforeAll(async () => {
      redis = await startRedis()
      server = await startUpstashServer({ redis, token: TOKEN })
    })
    afterAll(async () => {
      await server.close()
      await redis.close()
    })

    /** Windows end by the wall clock, and one of a minute may end between two calls. */
    const MONTH = 30 * 24 * 60 * 60
    it.each(['silent', 'garbage', 'error', 'reset'] as const)(
      'serves the loader while the server is %s',
      async (behaviour) => {
        const errors: string[] = []
        const cache = createCache({
          driver: upstash({ url: server.url, token: TOKEN }),
          timeoutMs: 100,
          onError: (error) => errors.push(error.message),
        })
        server.behaviour = behaviour
        try {
          expect(await cache.cache('k', async () => 'loaded', 60)).toBe('loaded')
          expect(errors.length).toBeGreaterThan(0)
          expect((await cache.rateLimit('ip', 2, MONTH)).allowed).toBe(true)
          expect((await cache.rateLimit('ip', 2, MONTH)).remaining).toBe(0)
          expect((await cache.rateLimit('ip', 2, MONTH)).allowed).toBe(false)
          expect((await cache.rateLimit('ip', 2, MONTH, { onUnavailable: 'deny' })).allowed).toBe(false)
          expect((await cache.rateLimit('ip', 2, MONTH, { onUnavailable: 'allow' })).allowed).toBe(true)
          await expect(cache.invalidate('k')).rejects.toMatchObject({
            code: expect.stringMatching(/DRIVER|DEADLINE|BREAKER/),
          })
          expect((await cache.health({ timeoutMs: 100 })).status).toBe('down')
        } finally {
          server.behaviour = 'ok'
          await cache.close()
        }
      },
    )

    it('asks for the keys of a script to be locked, rather than the whole database', async () => {
      const sent: string[] = []
      const client = {
        evalsha: async () =>
          Promise.reject(Object.assign(new Error('NOSCRIPT No matching script.'), { name: 'UpstashError' })),
        eval: async (lua: string) => sent.push(lua),
      } as unknown as Redis
      const claim = { key: 'k', lease: 'lease', token: 'token' }
      await upstash({ client }).coordination?.renew(claim, 1000, new AbortController().signal)
      expect(sent).toEqual([`#!lua flags=allow-key-locking\n${RENEW.lua}`])
    })

    it('names the token, never shows it, when the server refuses it', async () => {
      const driver = upstash({ url: server.url, token: 'wrong-token-abcdef' })
      const failure = await Promise.resolve(
        driver.set('k', 'a secret value', 1000, new AbortController().signal),
      ).catch((error: unknown) => error as Error)
      expect(failure).toMatchObject({ code: 'DRIVER_UNAUTHORIZED', hint: 'Check UPSTASH_REDIS_REST_TOKEN.' })
      expect((failure as Error).message).not.toMatch(/wrong-token|secret value/)
    })

    it('gives up the request itself at the deadline', async () => {
      server.behaviour = 'silent'
      const abort = new AbortController()
      const pending = Promise.resolve(upstash({ url: server.url, token: TOKEN }).get('k', abort.signal))
      abort.abort(new Error('time is up'))
      await expect(pending).rejects.toThrow('time is up')
      server.behaviour = 'ok'
    })

    it('works on a server that restarts, without a new driver', async () => {
      const cache = createCache({
        driver: upstash({ url: server.url, token: TOKEN }),
        timeoutMs: 200,
        onError: () => {},
      })
      await cache.set('survivor', [1, 2, 3])
      redis.pause()
      // A test that fails while the server is paused must not fail those after it.
      onTestFinished(() => redis.resume())
      expect(await cache.get('survivor')).toBeUndefined()
      redis.resume()
      await expect.poll(() => cache.get('survivor'), { timeout: 10_000 }).toEqual([1, 2, 3])
      await cache.close()
    })
  })
})

describe('upstash configuration', () => {
  it('is absent without its variables and half set with one', () => {
    expect(upstashFromEnv({})).toBeUndefined()
    expect(() => upstashFromEnv({ UPSTASH_REDIS_REST_URL: 'https://x.upstash.io' })).toThrow(/UPSTASH_REDIS_REST_TOKEN/)
  })
  it('says which option is missing', () => {
    expect(() => upstash({ token: 'a' })).toThrow('[msc/cache] [upstash] Missing option `url`.')
  })
})
