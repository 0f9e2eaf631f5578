import { describe } from 'vitest'
import { postgresStore } from './stores/postgres.ts'
import { crashMatrix } from './testing/crash-matrix.ts'
import { startPostgres } from '@msc/core/testing/postgres'

describe.skipIf(process.env['MSC_SKIP_POSTGRES'])('killed workers over postgres', () => {
  // A slice: the whole matrix runs over SQLite, and here with MSC_CRASH_STRIDE=1.
  crashMatrix(
    60,
    async () => {
      const server = await startPostgres()
      const store = postgresStore({ url: server.url, maxConnections: 2 })
      return {
        at: { postgres: server.url },
        store,
        async close() {
          await store.close()
          await server.close()
        },
      }
    },
    3,
  )
})
