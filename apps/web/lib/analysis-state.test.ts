import { createJobs, defineJob, setDefaultJobs, type Jobs } from '@msc/jobs'
import { inngest } from '@msc/jobs/inngest'
import { startInngestServer } from '@msc/jobs/testing'
import { createDatabase, setDefaultDatabase, type Database } from '@msc/platform'
import { pglite } from '@msc/platform/database/pglite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
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

  it('and that was lost is found behind any number that have run, and behind one that can not be asked about', async () => {
    const quiet = vi.spyOn(console, 'error').mockImplementation(() => {})
    const client = await database.client()
    const { rows } = await client.query(
      `insert into releases (user_id, title, artist_name, genre, release_date, lyrics)
        select id, 'Many', 'Many', 'Pop', '2026-12-01', 'words ' || n from profiles, generate_series(1, 124) n
        where role = 'artist' order by n returning id`,
    )
    const ids = rows as { readonly id: string }[]
    await database.asService((tx) =>
      tx.query(
        `update msc_outbox.entries e set state = 'delivered', ended_at = now() - interval '1 hour' + place * interval '1 second'
         from unnest($1::text[]) with ordinality as r (id, place) where e.id = msc_outbox.id_of('analysis:' || r.id || ':1')`,
        [ids.map(({ id }) => id)],
      ),
    )
    const names = ids.map(({ id }) => `analysis-${id}-1`)
    const [odd = '', lost = '', cleared = ''] = [names[0], names[122], names[123]]
    await client.query(`update releases set lyrics = '' where id = $1`, [ids[123]?.id])
    const sent: string[] = []
    const runs = vi.fn(async ({ eventId }: { readonly eventId: string }) => {
      if (eventId === odd) throw new Error('odd')
      return names.includes(eventId) && eventId !== lost && eventId !== cleared ? [{ status: 'failed' }] : []
    })
    const send = async (_: string, __: unknown, { id }: { readonly id: string }): Promise<void> => void sent.push(id)
    setDefaultJobs({ runs, send } as unknown as Jobs)
    for (let round = 0; round < 3; round++) await askAgain()
    expect(sent.filter((id) => names.includes(id))).toEqual([lost])
    // Once each, but for the odd one, in each round.
    expect(runs.mock.calls.filter(([{ eventId }]) => names.includes(eventId))).toHaveLength(123 - 1 + 3)
    setDefaultJobs(undefined)
    quiet.mockRestore()
  })
})
