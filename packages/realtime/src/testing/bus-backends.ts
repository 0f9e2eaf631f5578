import { PGlite } from '@electric-sql/pglite'
import { startPostgres } from '@msc/core/testing/postgres'
import { Redis } from 'ioredis'
import pg from 'pg'
import { createMemoryBusHub, memoryBus, postgresBus, type BusPublisher, type RealtimeBus } from '../bus/index.ts'
import { redisBus } from '../bus/redis.ts'
import { openRedis } from './redis.ts'

/** Where buses meet, for tests. */
export interface BusBackend {
  create(): RealtimeBus & BusPublisher
  close(): Promise<void>
}
export const BUS_BACKENDS: Readonly<Record<string, () => Promise<BusBackend>>> = {
  async memory() {
    const hub = createMemoryBusHub()
    return { create: () => memoryBus(hub), close: async () => undefined }
  },
  async PGlite() {
    const client = await PGlite.create('memory://')
    return { create: () => postgresBus({ client }), close: () => client.close() }
  },
  async postgres() {
    const server = await startPostgres()
    const pools: pg.Pool[] = []
    return {
      create() {
        const pool = new pg.Pool({ connectionString: server.url, max: 3 })
        pools.push(pool)
        return postgresBus({ client: pool as never })
      },
      async close() {
        for (const pool of pools) await pool.end()
        await server.close()
      },
    }
  },
  async redis() {
    const server = await openRedis()
    const client = new Redis({ port: server.port })
    client.on('error', () => undefined)
    return {
      create: () => redisBus({ client }),
      async close() {
        client.disconnect()
        await server.close()
      },
    }
  },
}
