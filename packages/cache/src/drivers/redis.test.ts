import { sleep } from '@msc/core'
import { startChaosProxy } from '@msc/core/testing'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startRedis, type RunningRedis } from '../testing/index.ts'
import { testCacheDriver } from '../testing/conformance/index.ts'
import { lazyCacheDriver } from '../lazy-driver.ts'
import { redis, redisFromEnv } from './redis.ts'
import { refusal } from './redis-replies.ts'

const describeWithRedis = process.env['MSC_SKIP_REDIS'] ? describe.skip : describe
const url = (server: RunningRedis): string => `redis://127.0.0.1:${server.port}`

it.each([
  ["READONLY You can't write against a read only replica.", 'DRIVER_READ_ONLY', true],
  [
    "ERR Error running script (call to f_1a): @user_script:1: @user_script: 1: -READONLY You can't write against a read only replica.",
    'DRIVER_READ_ONLY',
    true,
  ],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'DRIVER_REFUSED', true],
  ['NOREPLICAS Not enough good replicas to write.', 'DRIVER_REFUSED', true],
  ['ERR wrong number of arguments', 'DRIVER_REFUSED', false],
])('reads %s', (reply, code, retryable) => {
  expect(refusal('redis', reply, 'Check the password.')).toMatchObject({ code, retryable })
})

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
    const open = () =>
      lazyCacheDriver(
        { name: 'redis', endpoint: url(server), variables: ['REDIS_URL'] },
        { shared: true, cancels: false },
        async () => redis({ url: url(server) }),
      )
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
      const claim = { key: 'k', lease: 'lease', token: 'a token' }
      const script = async () => (await driver.coordination?.acquire(claim, 60_000, signal))?.state
      expect(await script()).toBe('mine')
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
      expect(await script()).toBe('mine')
      await driver.close()
    })

    it('does not take a late answer for the answer to a later call', async () => {
      const driver = redis({ url: url(server) })
      await driver.set('a', '1', 60_000, signal)
      await driver.set('b', '2', 60_000, signal)
      server.pause()
      // A test that fails while the server is paused must not fail those after it.
      onTestFinished(() => server.resume())
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
      const stop = driver.coordination?.listen?.('news', () => (heard += 1))
      await expect.poll(() => heard, { timeout: 5000 }).toBeGreaterThan(0)
      const publisher = new Redis({ port: server.port, maxRetriesPerRequest: 0 })
      publisher.on('error', () => undefined)
      const publish = async (): Promise<number> => publisher.publish('news@seq', 'x').catch(() => 0)
      const delivered = async (): Promise<boolean> => (await publish()) === 1
      await expect.poll(delivered, { timeout: 5000 }).toBe(true)
      await server.close()
      server = await startRedis({ port: server.port })
      await expect.poll(delivered, { timeout: 8000 }).toBe(true)
      expect(heard).toBeGreaterThanOrEqual(3)
      await stop?.()
      const before = heard
      await publish()
      expect(heard).toBe(before)
      publisher.disconnect()
      await driver.close()
    })

    it('says gap, whatever was read before, where the server has lost the log', async () => {
      const driver = redis({ url: url(server) })
      const { coordination } = driver
      const append = async (message: string) =>
        coordination?.append('lossy', { message, keepRecords: 100, keepMs: 60_000 }, signal)
      const since = async (position: string) => coordination?.readSince('lossy', position, signal)
      for (let i = 0; i < 3; i++) await append(`old ${i}`)
      const known = (await coordination?.readSince('lossy', undefined, signal))?.position as string
      // Both keys, as by a restart; then the list alone, as by an eviction.
      await driver.delete(['lossy@seq', 'lossy@log'], signal)
      for (let i = 0; i < 5; i++) await append(`new ${i}`)
      const page = await since(known)
      expect(page?.records).toBe('gap')
      await append('unread')
      await driver.delete(['lossy@log'], signal)
      expect((await since(page?.position as string))?.records).toBe('gap')
      await append('the only one there')
      expect((await since(page?.position as string))?.records).toBe('gap')
      expect((await since('0'))?.records).toBe('gap')
      expect(await coordination?.commitSince('lossy', '0', [{ key: 'k', value: 'v', ttlMs: 1000 }], signal)).toEqual([
        false,
      ])
      await driver.close()
    })

    it('says gap for a log in which somebody else has written', async () => {
      const driver = redis({ url: url(server) })
      const client = new Redis({ port: server.port })
      const from = await driver.coordination?.readAt('foreign', [], signal)
      await driver.coordination?.append('foreign', { message: 'm', keepRecords: 100, keepMs: 60_000 }, signal)
      const { position } = (await driver.coordination?.readAt('foreign', [], signal)) ?? { position: '' }
      expect(from?.position).not.toBe(position)
      for (const text of ['not JSON', '["origin",{"keys":["k"]}]', '[["k"]]', '7']) {
        await client.multi().incr('foreign@seq').lpush('foreign@log', text).exec()
        expect((await driver.coordination?.readSince('foreign', position, signal))?.records).toBe('gap')
      }
      const batch = [{ key: 'k', value: 'v', ttlMs: 1000 }]
      expect(await driver.coordination?.commitSince('foreign', position, batch, signal)).toEqual([false])
      client.disconnect()
      await driver.close()
    })

    it('makes its connection anew when the network swallows everything', async () => {
      const network = await startChaosProxy(server.port)
      const driver = redis({ url: `redis://127.0.0.1:${network.port}` })
      await driver.set('k', 'v', 60_000, signal)
      network.freeze()
      // Told by the connection's end, and not by the deadline of an engine.
      await expect(driver.get('k', signal)).rejects.toMatchObject({ code: 'DRIVER_UNREACHABLE', retryable: true })
      await expect.poll(async () => driver.get('k', signal), { timeout: 5000 }).toBe('v')
      await driver.close()
      await network.close()
    })

    it.each(['a client of its own', 'a client of the caller'])(
      'hears again after the network swallowed everything, with %s',
      async (whose) => {
        const network = await startChaosProxy(server.port)
        const address = `redis://127.0.0.1:${network.port}`
        const client =
          whose === 'a client of the caller' ? new Redis(address, { enableOfflineQueue: false }) : undefined
        client?.on('error', () => undefined)
        const driver = redis(client ? { client } : { url: address })
        let heard = 0
        const stop = driver.coordination?.listen?.('silence', () => (heard += 1))
        const publisher = new Redis({ port: server.port })
        const delivered = async (): Promise<boolean> => (await publisher.publish('silence@seq', 'x')) > 0
        await expect.poll(delivered, { timeout: 5000 }).toBe(true)
        await expect.poll(() => heard).toBeGreaterThanOrEqual(2)
        network.freeze()
        const before = heard
        await expect
          .poll(
            async () => {
              await publisher.publish('silence@seq', 'x')
              return heard
            },
            { timeout: 15_000, interval: 200 },
          )
          .toBeGreaterThan(before + 1)
        await stop?.()
        publisher.disconnect()
        client?.disconnect()
        await driver.close()
        await network.close()
      },
    )

    it('makes its connection anew where the primary has become a replica, and says so until it is one again', async () => {
      const server = await startRedis()
      const driver = redis({ url: url(server) })
      const admin = new Redis(url(server))
      const { signal } = new AbortController()
      const connections = async (): Promise<number> =>
        Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1])
      const stored = async (): Promise<unknown> => {
        try {
          return await driver.get('track', signal)
        } catch {
          return 'away'
        }
      }
      await driver.set('track', 'a', 60_000, signal)
      const before = await connections()
      await admin.replicaof('127.0.0.1', 1)
      const refused = { code: 'DRIVER_READ_ONLY', retryable: true, hint: expect.stringMatching(/primary/) }
      await expect(driver.set('track', 'b', 60_000, signal)).rejects.toMatchObject(refused)
      await expect
        .poll(() =>
          driver.health(signal).then(
            () => 'ready',
            ({ code }) => code,
          ),
        )
        .toBe('DRIVER_READ_ONLY')
      await expect.poll(connections).toBeGreaterThan(before)
      await expect.poll(stored).toBe('a')
      const { setMany } = driver
      await expect(setMany?.([{ key: 'track', value: 'c', ttlMs: 60_000 }], signal)).rejects.toMatchObject({
        code: expect.stringMatching(/^DRIVER_(?:READ_ONLY|UNREACHABLE)$/),
      })
      await admin.call('replicaof', 'no', 'one')
      await expect
        .poll(() =>
          driver.health(signal).then(
            () => 'ready',
            ({ code }) => code,
          ),
        )
        .toBe('ready')
      await expect.poll(stored).toBe('a')
      await driver.set('track', 'd', 60_000, signal)
      admin.disconnect()
      await driver.close()
      await server.close()
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
      expect(() => redis({ url: bad })).toThrow(
        expect.objectContaining({ code: 'REDIS_URL_INVALID', hint: expect.stringContaining('Set REDIS_URL') }),
      )
  })
})
