import { startChaosProxy } from '@msc/core/testing'
import { startPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import { expect, it } from 'vitest'
import { realtimeSchema } from '../server/policies/schema.ts'
import { feedSource, type FeedSourceOptions } from './source.ts'
import { itemsFeed } from '../testing/test-database.ts'

it.skipIf(process.env['MSC_SKIP_POSTGRES'])(
  'reads again after all connections of the pool have gone silent',
  async () => {
    const server = await startPostgres()
    const network = await startChaosProxy(Number(new URL(server.url).port))
    const pool = new pg.Pool({ connectionString: server.url.replace(/:\d+\//, `:${network.port}/`), max: 3 })
    pool.on('error', () => undefined)
    await pool.query(realtimeSchema())
    await pool.query('create table items (id bigint generated always as identity primary key, owner text, n int)')
    await pool.query(itemsFeed)
    const source = feedSource({ client: pool as unknown as FeedSourceOptions['client'], timeoutMs: 1000, onError() {} })
    await source.start(() => undefined)
    const ask = async () => source.since('feed:items:a', undefined, 10)
    await Promise.all(Array.from({ length: 9 }, ask))
    expect(network.connections).toBe(3)
    network.freeze()
    await expect
      .poll(
        () =>
          ask().then(
            () => true,
            () => false,
          ),
        { timeout: 15_000 },
      )
      .toBe(true)
    await source.close()
    await pool.end()
    await network.close()
    await server.close()
  },
)
