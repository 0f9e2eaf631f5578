import { createJobs, defineJob, setDefaultJobs } from '@msc/jobs'
import { inngest } from '@msc/jobs/inngest'
import { startInngestServer } from '@msc/jobs/testing'
import { createDatabase, setDefaultDatabase, type Database } from '@msc/platform'
import { pglite } from '@msc/platform/database/pglite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askAgain } from './analysis-state.ts'
import { migrations } from './db/migrations.ts'
import { seed } from './db/seed.ts'

const keys = { eventKey: 'key', signingKey: `signkey-test-${'ab'.repeat(32)}` }

describe('an analysis that was handed over', () => {
  let database: Database
  beforeAll(async () => {
    database = createDatabase({ driver: pglite() })
    setDefaultDatabase(database)
    await database.migrate(await migrations())
    await seed(database)
  }, 60_000)
  afterAll(async () => {
    setDefaultDatabase(undefined)
    await database.close()
  })

  it('and that no function was registered for is asked for again, once, under its id', async () => {
    const server = await startInngestServer(keys)
    const job = defineJob({ id: 'ai', triggers: [{ event: 'ai/process' }] }, () => 'done')
    const jobs = createJobs({ driver: inngest({ appId: 'web', baseUrl: server.url, ...keys }), jobs: [job] })
    setDefaultJobs(jobs)
    try {
      await askAgain()
      expect(server.events).toEqual([])
      await database.asService((tx) =>
        tx.query(`update msc_outbox.entries set state = 'delivered', ended_at = now() - interval '2 minutes'
          where kind = 'analysis'`),
      )
      await askAgain()
      const [release] = await database.asService((tx) =>
        tx.query<{ id: string }>(`select id from releases where lyrics <> ''`),
      )
      expect(server.events.map(({ id, name }) => [id, name])).toEqual([[`analysis-${release?.id}-1`, 'ai/process']])
      // Not each time: functions may be registered much later.
      await askAgain()
      expect(server.events).toHaveLength(1)
    } finally {
      setDefaultJobs(undefined)
      await jobs.close()
      await server.close()
    }
  })
})
