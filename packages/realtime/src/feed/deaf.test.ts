import { createManualClock } from '@msc/core/testing'
import { startPostgres, startTransactionPooler, type RunningPostgres } from '@msc/core/testing/postgres'
import type { PostgresPool } from '@msc/core/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databasePolicies } from '../server/policies/policies.ts'
import { realtimeSchema } from '../server/policies/schema.ts'
import { createRealtimeServer } from '../server/index.ts'
import { itemsFeed, openPglite } from '../testing/test-database.ts'
import { feedSource, type FeedSourceOptions } from './source.ts'

type Client = FeedSourceOptions['client'] & PostgresPool

describe.skipIf(process.env['MSC_SKIP_POSTGRES'])('a feed whose connection takes LISTEN and is told nothing', () => {
  let server: RunningPostgres
  let admin: pg.Pool
  beforeAll(async () => {
    server = await startPostgres()
    admin = new pg.Pool({ connectionString: server.url })
    await admin.query(realtimeSchema())
    await admin.query('create table items (id bigint generated always as identity primary key, owner text, n int)')
    await admin.query(itemsFeed)
  })
  afterAll(async () => {
    await admin.end()
    await server.close()
  })

  it.each(['latest', 'oldest'] as const)(
    'polls the outbox behind a transaction pooler that hands out the %s connection, and says so',
    async (next) => {
      const pooler = await startTransactionPooler(server.url, { next })
      const pool = new pg.Pool({ connectionString: pooler.url })
      const errors: unknown[] = []
      const source = feedSource({ client: pool as unknown as Client, onError: (error) => void errors.push(error) })
      const heard: unknown[] = []
      await source.start(({ payload }) => heard.push((payload['record'] as { n: number }).n))
      expect(source.stats?.().mode).toBe('polling')
      expect(errors).toEqual([
        expect.objectContaining({
          code: 'POSTGRES_POOLED',
          hint: expect.stringMatching(/Neon: the host without `-pooler`/),
          retryable: false,
        }),
      ])
      const numbers = Array.from({ length: 20 }, (_, n) => 100 + n)
      for (const n of numbers) await admin.query(`insert into items (owner, n) values ('a', $1)`, [n])
      await expect.poll(() => heard).toEqual(numbers)
      await source.close()
      await pool.end()
      await pooler.close()
    },
  )

  it('replaces one that has lost its LISTEN, and misses nothing', async () => {
    const clock = createManualClock()
    const pool = new pg.Pool({ connectionString: server.url })
    const notified: pg.PoolClient[] = []
    pool.on('acquire', (client) => notified.push(client))
    const errors: unknown[] = []
    const heard: unknown[] = []
    const source = feedSource({ client: pool as unknown as Client, clock, onError: (error) => void errors.push(error) })
    await source.start(({ payload }) => heard.push((payload['record'] as { n: number }).n))
    // Once it hears of this row, it has read what there was before.
    await admin.query(`insert into items (owner, n) values ('a', 0)`)
    await expect.poll(() => heard).toEqual([0])
    const listening = notified.find((client) => client.listenerCount('notification') > 0)
    // As a pooler does that resets its session, or gives it another server.
    await listening?.query('unlisten *')
    await admin.query(`insert into items (owner, n) values ('a', 1)`)
    await expect
      .poll(async () => {
        await clock.advance(500)
        return heard
      })
      .toEqual([0, 1])
    expect(errors).toEqual([expect.objectContaining({ code: 'POSTGRES_UNHEARD' })])
    await admin.query(`insert into items (owner, n) values ('a', 2)`)
    await expect.poll(() => heard).toEqual([0, 1, 2])
    await source.close()
    await pool.end()
  })
})

it('feeds are started once: for a second server that says what to do, and the first goes on', async () => {
  const db = await openPglite()
  const feeds = feedSource({ client: db.client })
  const options = { jwtSecret: 'a-secret-for-tests-that-is-long-enough-0123', authorize: () => true, feeds }
  const first = createRealtimeServer(options)
  const told: unknown[] = []
  const second = createRealtimeServer({ ...options, onError: (error) => void told.push(error) })
  await first.ready
  await expect(second.ready).rejects.toMatchObject({
    code: 'REALTIME_FEEDS_IN_USE',
    hint: expect.stringContaining('a `feedSource` for each'),
  })
  expect(told).toHaveLength(1)
  await second.close()
  expect(await feeds.since('feed:items:a', undefined, 1)).toMatchObject({ gap: false })
  expect(first.stats().feeds?.mode).toBe('listening')
  await first.close()
  await db.close()
})

it.each([
  ['feeds', feedSource],
  ['policies', databasePolicies],
])('%s refuse a pool of one connection', (_, make) => {
  const client = new pg.Pool({ max: 1 }) as unknown as Client
  expect(() => make({ client })).toThrow(expect.objectContaining({ code: 'REALTIME_POOL_TOO_SMALL' }))
})
