import { lazyPeer, orAborted, peerMissing } from '@msc/core'
import type { PostgresClient } from '@msc/core/postgres'
import type { PGlite } from '@electric-sql/pglite'
import type { DatabaseDriver } from '../driver.ts'

export interface PgliteOptions {
  /** The folder of its files. Default: in memory, which is lost with the process. One process at a time may open it. */
  readonly folder?: string
}

const load = lazyPeer(async () => {
  try {
    return await import('@electric-sql/pglite')
  } catch (cause) {
    throw peerMissing('platform', '@electric-sql/pglite', cause)
  }
})

/**
 * Postgres inside this process. It has one connection, on which transactions wait for each other.
 *
 * Own the folder first (`ownFolder` of @msc/platform/node): two processes that open it destroy each other's data.
 */
export function pglite({ folder }: PgliteOptions = {}): DatabaseDriver {
  let opened: Promise<PGlite> | undefined
  let closed = false
  const open = async (): Promise<PGlite> => {
    if (closed) throw new Error('The database is closed.')
    return (opened ??= load()
      .then(({ PGlite: Database }) => Database.create(folder ?? 'memory://'))
      .catch((error: unknown) => {
        opened = undefined
        throw error
      }))
  }
  return {
    specificationVersion: 1,
    name: 'pglite',
    capabilities: { shared: false, supabase: false },
    async transaction(work, signal) {
      const database = await orAborted(open(), signal)
      return orAborted(
        database.transaction(async (transaction) => {
          // It may have waited for others until nobody waits for it any more.
          signal.throwIfAborted()
          const result = await work({
            query: async (text, values) => (await transaction.query(text, [...values])).rows,
            exec: async (text) => void (await transaction.exec(text)),
          })
          signal.throwIfAborted()
          return result
        }),
        signal,
      )
    },
    client: async () => (await open()) as unknown as PostgresClient,
    async health(signal) {
      await orAborted(
        open().then((database) => database.query('select 1')),
        signal,
      )
    },
    async close() {
      closed = true
      await (await opened?.catch(() => undefined))?.close()
    },
  }
}
