import { createManualClock } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { feedSource, type FeedSource } from './source.ts'

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'history that is old, on %s',
  (_name, open) => {
    let db: TestDatabase
    beforeAll(async () => {
      db = await open()
    })
    afterAll(() => db.close())
    const count = async (): Promise<number> => {
      const [row] = await db.query<{ n: string }>('select count(*)::text as n from msc_feed.events')
      return Number(row?.n)
    }

    it('goes on until there is no more, by one of several servers, and says by how much it is late', async () => {
      // It runs faster than the database, so deadlines pass that would not.
      const clock = createManualClock()
      const sources: FeedSource[] = []
      for (let n = 0; n < 3; n++) {
        const source = feedSource({ client: db.client, clock, onError: () => undefined })
        sources.push(source)
        await source.start(() => undefined)
      }
      await db.exec(`insert into msc_feed.events (topic, event, payload, bytes, xid, snapshot, inserted_at)
        select 'feed:items:a', 'INSERT', '{}', 2, pg_current_xact_id(), pg_current_snapshot(), now() - interval '4 days'
          from generate_series(1, 35000)`)
      await db.query(`insert into items (owner, n) values ('a', 0)`)
      const { cursor } = await (sources[0] as FeedSource).since('feed:items:a', undefined, 1)
      // Sent from SQL, and kept as long.
      await db.exec(
        `insert into realtime.messages (topic, extension, inserted_at) values ('x', 'broadcast', now() - interval '4 days')`,
      )
      await clock.advance(60_000)
      await expect.poll(count, { timeout: 15_000 }).toBe(1)
      await expect.poll(() => db.query('select 1 from realtime.messages')).toEqual([])
      expect(await (sources[0] as FeedSource).since('feed:items:a', cursor, 1)).toMatchObject({ gap: false })

      await db.exec(`update msc_feed.events set inserted_at = now() - interval '3 days 1 hour'`)
      await db.exec(
        `create or replace function msc_feed.prune(older interval, max int) returns int language sql as 'select 0'`,
      )
      await clock.advance(60_000)
      await expect
        .poll(() => Math.max(...sources.map((source) => source.stats?.().pruneLagMs ?? 0)))
        .toBeGreaterThan(3_599_000)
      for (const source of sources) await source.close()
    })
  },
)
