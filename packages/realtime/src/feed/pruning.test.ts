import { createManualClock } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { keepPruned } from './pruning.ts'
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

    it('says how large the outbox is, by what the database estimates', async () => {
      const clock = createManualClock()
      const source = feedSource({ client: db.client, clock, onError: () => undefined })
      await source.start(() => undefined)
      await db.exec(`delete from msc_feed.events`)
      await db.exec(`insert into msc_feed.events (topic, event, payload, bytes, xid, snapshot)
        select 'feed:items:a', 'INSERT', '{}', 2, pg_current_xact_id(), pg_current_snapshot() from generate_series(1, 5000)`)
      const look = async (): Promise<{ rows: number; bytes: number; isGrowing: boolean } | undefined> => {
        await clock.advance(60_000)
        await new Promise((resolve) => setTimeout(resolve, 300))
        return source.stats?.().outbox
      }
      expect(source.stats?.().outbox).toBeUndefined()
      // Never analysed, and then analysed.
      await expect.poll(look).toMatchObject({ rows: 5000, isGrowing: false })
      await db.exec('analyze msc_feed.events')
      await expect.poll(async () => Math.abs(((await look())?.rows ?? 0) - 5000)).toBeLessThan(500)
      expect((await look())?.bytes).toBeGreaterThan(500_000)
      await source.close()
    })
  },
)

describe('pruning', () => {
  /** Where the oldest row is so much too old, in milliseconds; `undefined`: where nothing answers. */
  function outbox(first: number | undefined) {
    const clock = createManualClock()
    const keepMs = 1000
    const state = { late: first, deletes: 0 }
    const pruning = keepPruned({
      clock,
      keepMs,
      isClosed: () => false,
      report: () => undefined,
      async query<Row>(text: string): Promise<Row[]> {
        if (state.late === undefined) throw new Error('away')
        // A statement takes half a minute where it deletes all that it may.
        if (state.deletes > 0) await new Promise<void>((resolve) => clock.setTimeout(resolve, 30_000))
        const answer = text.includes('prune')
          ? { gone: state.deletes }
          : { ms: String(keepMs + state.late), rows: '3', bytes: '8192' }
        return [answer as Row]
      },
    })
    return { clock, pruning, state }
  }

  it('says that the outbox grows when what is too old becomes more over three minutes', async () => {
    const { clock, pruning, state } = outbox(130_000)
    expect(pruning.outbox).toBeUndefined()
    for (const late of [130_000, 140_000, 150_000]) {
      state.late = late
      await clock.advance(60_000)
      expect(pruning.outbox).toEqual({ rows: 3, bytes: 8192, isGrowing: false })
    }
    state.late = 160_000
    await clock.advance(60_000)
    expect(pruning.outbox?.isGrowing).toBe(true)
    state.late = 0
    await clock.advance(60_000)
    expect([pruning.outbox?.isGrowing, pruning.lagMs]).toEqual([false, 0])
    pruning.stop()
  })

  it('looks while it goes on deleting, where rows come as fast as they go', async () => {
    const { clock, pruning, state } = outbox(5000)
    state.deletes = 10_000
    for (let minute = 0; minute < 8; minute++) {
      state.late = (state.late ?? 0) + 120_000
      await clock.advance(60_000)
    }
    expect(pruning.lagMs).toBeGreaterThan(240_000)
    expect(pruning.outbox?.isGrowing).toBe(true)
    pruning.stop()
  })

  it('is late by the time for which nobody could look', async () => {
    const { clock, pruning, state } = outbox(0)
    await clock.advance(60_000)
    expect(pruning.lagMs).toBe(0)
    state.late = undefined
    await clock.advance(2 * 3_600_000)
    expect(pruning.lagMs).toBeGreaterThan(3_600_000)
    state.late = 0
    await clock.advance(60_000)
    expect(pruning.lagMs).toBe(0)
    pruning.stop()
  })
})
