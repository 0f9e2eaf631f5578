import { PGlite } from '@electric-sql/pglite'
import { startPostgres, startTransactionPooler } from '@msc/core/testing/postgres'
import { startChaosProxy } from '@msc/core/testing'
import { Redis } from 'ioredis'
import fc from 'fast-check'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { openRedis, type TestRedis } from '../testing/redis.ts'
import { testRealtimeBus } from '../testing/conformance/bus.ts'
import { createMemoryBusHub, memoryBus, postgresBus, type MemoryBus } from './index.ts'
import { createCutter, createJoiner } from './pieces.ts'
import { redisBus } from './redis.ts'

testRealtimeBus('memory', async () => {
  const hub = createMemoryBusHub()
  const made: MemoryBus[] = []
  return {
    create() {
      const bus = memoryBus(hub)
      made.push(bus)
      return bus
    },
    outage: { begin: () => made.forEach((bus) => bus.cut()), end: () => made.forEach((bus) => bus.mend()) },
  }
})

testRealtimeBus('PGlite', async () => {
  const client = await PGlite.create('memory://')
  return { create: () => postgresBus({ client }), close: () => client.close() }
})

testRealtimeBus('postgres', async () => {
  const server = await startPostgres()
  const { port } = new URL(server.url)
  const proxy = await startChaosProxy(Number(port))
  const url = server.url.replace(port, String(proxy.port))
  const pools: pg.Pool[] = []
  return {
    create() {
      const pool = new pg.Pool({ connectionString: url, max: 3, connectionTimeoutMillis: 2000 })
      pools.push(pool)
      return postgresBus({ client: pool as never })
    },
    outage: {
      begin() {
        proxy.refuse(true)
        proxy.kill()
      },
      end: () => proxy.refuse(false),
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()))
      await proxy.close()
      await server.close()
    },
  }
})

testRealtimeBus('redis', async () => {
  let server: TestRedis = await openRedis()
  const { port } = server
  const clients: Redis[] = []
  const areReady = (): Promise<void> =>
    expect.poll(() => clients.every(({ status }) => status === 'ready'), { timeout: 10_000 }).toBe(true)
  return {
    create() {
      const client = new Redis({ port, enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: false })
      client.on('error', () => undefined)
      clients.push(client)
      return redisBus({ client: whenReady(client) })
    },
    outage: {
      async begin() {
        // One that was never connected would wait for that, and not see the outage.
        await areReady()
        await server.close()
      },
      async end() {
        server = await openRedis(port)
        await areReady()
      },
    },
    async close() {
      for (const client of clients) client.disconnect()
      await server.close()
    },
  }
})

/** Waits for its first connection, as an application that has started has. */
function whenReady(client: Redis): Redis {
  const ready = client.status === 'ready' ? undefined : new Promise((resolve) => client.once('ready', resolve))
  return new Proxy(client, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (typeof value !== 'function') return value
      if (name !== 'publish' && name !== 'ping') return value.bind(target)
      return async (...args: unknown[]) => {
        await ready
        return value.apply(target, args)
      }
    },
  })
}

it('refuses to start behind a transaction pooler, and says why', async () => {
  const server = await startPostgres()
  const pooler = await startTransactionPooler(server.url)
  const pool = new pg.Pool({ connectionString: pooler.url, max: 3 })
  const bus = postgresBus({ client: pool as never })
  const starting = bus.start({ onMessage() {}, onGap() {}, onError() {} })
  await expect(starting).rejects.toMatchObject({ code: expect.stringMatching(/^POSTGRES_(?:POOLED|UNHEARD)$/) })
  await bus.close()
  await pool.end()
  await pooler.close()
  await server.close()
}, 60_000)

describe('pieces of a text', () => {
  it('are small enough for a notification, and make the text again', () => {
    // Among them what a decoder takes for a mark of the encoding, and leaves out.
    const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.constant('\uFEFF'), fc.constant('€\uFEFF'))
    const times = fc.integer({ min: 1, max: 3000 })
    fc.assert(
      fc.property(fc.array(fc.tuple(text, times), { maxLength: 4 }), (wanted) => {
        const cut = createCutter()
        const joiner = createJoiner()
        for (const [each, count] of wanted) {
          const whole = each.repeat(count)
          const pieces = cut(whole)
          for (const piece of pieces) expect(Buffer.byteLength(piece)).toBeLessThan(7900)
          expect(pieces.map((piece) => joiner.take(piece))).toEqual([...pieces.slice(1).map(() => undefined), whole])
        }
      }),
      { numRuns: 50 },
    )
  })

  it('make no text when one is missing, and cost the next text nothing', () => {
    const [cut, other] = [createCutter(), createCutter()]
    const joiner = createJoiner()
    const pieces = cut('x'.repeat(20_000))
    for (const piece of [pieces[0], pieces[2], pieces[1]]) expect(joiner.take(piece as string)).toBeUndefined()
    expect(joiner.take(other('small')[0] as string)).toBe('small')
    for (const piece of ['', 'noise', '1.1.0.0:', 'a.1.5.9999:x', 'a.1.2.1:x'])
      expect(joiner.take(piece)).toBeUndefined()
    expect(joiner.take(pieces[0] as string)).toBeUndefined()
    joiner.reset()
    for (const piece of pieces.slice(1)) expect(joiner.take(piece)).toBeUndefined()
  })
})
