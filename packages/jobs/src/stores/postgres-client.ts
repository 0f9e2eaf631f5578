import { lazyPeer } from '@msc/core'
import type { PostgresEmbedded, PostgresPool } from '@msc/core/postgres'

export type { PostgresQuery } from '@msc/core/postgres'

/** A pool of `pg`, or PGlite. */
export type PostgresClient = PostgresPool | (PostgresEmbedded & { exec(text: string): Promise<unknown> })

export interface OwnPool extends PostgresPool {
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
}

const loadPg = lazyPeer('jobs', 'pg', () => import('pg'))

/** A pool of our own. An idle connection that breaks is the pool's to replace, and no reason to end the process. */
export async function connectPool(url: string, max: number): Promise<OwnPool> {
  const { default: pg } = await loadPg()
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: 5000, application_name: 'msc-jobs' })
  pool.on('error', () => undefined)
  return pool as unknown as OwnPool
}
