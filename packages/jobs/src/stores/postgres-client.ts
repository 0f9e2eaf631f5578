import { lazyPeer, peerMissing } from '@msc/core'
import type { PostgresEmbedded, PostgresPool } from '@msc/core/postgres'

export type { PostgresQuery } from '@msc/core/postgres'

/** A pool of `pg`, or PGlite. */
export type PostgresClient = PostgresPool | (PostgresEmbedded & { exec(text: string): Promise<unknown> })

export interface OwnPool extends PostgresPool {
  end(): Promise<void>
}

const loadPg = lazyPeer(async () => {
  try {
    return await import('pg')
  } catch (cause) {
    throw peerMissing('jobs', 'pg', cause)
  }
})

/** A pool of our own. */
export async function connectPool(url: string, max: number): Promise<OwnPool> {
  const { default: pg } = await loadPg()
  return new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: 5000,
    application_name: 'msc-jobs',
  }) as unknown as OwnPool
}
