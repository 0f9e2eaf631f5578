import { createManualClock } from '@msc/core/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { feedSource, type FeedSource, type FeedStats } from './source.ts'

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'how a source is doing, on %s',
  (_name, open) => {
    let db: TestDatabase
    beforeAll(async () => {
      db = await open()
    })
    afterAll(() => db.close())
    const statsOf = (source: FeedSource): Partial<FeedStats> => source.stats?.() ?? {}

    it('says for how long rows wait that can not be read, and that none does once they are', async () => {
      const clock = createManualClock()
      const heard: unknown[] = []
      const source = feedSource({ client: db.client, clock, onError: () => undefined })
      expect(statsOf(source)).toMatchObject({ mode: 'starting', waiting: 0, lagMs: 0, gaps: 0 })
      await source.start((message) => heard.push(message))
      await expect.poll(() => statsOf(source)).toMatchObject({ mode: 'listening', isDeaf: false, lagMs: 0 })
      // It is announced, and gone from where it is looked for.
      await db.exec(
        `begin; insert into items (owner, n) values ('a', 1); alter table msc_feed.events rename to away; commit`,
      )
      await expect.poll(() => statsOf(source).waiting).toBe(1)
      await clock.advance(3000)
      expect(statsOf(source)).toMatchObject({ waiting: 1, lagMs: 3000 })
      await db.exec('alter table msc_feed.away rename to events')
      await expect
        .poll(async () => {
          await clock.advance(1000)
          return statsOf(source)
        })
        .toMatchObject({ waiting: 0, lagMs: 0 })
      expect(heard).toHaveLength(1)
      await source.close()
    })

    it('counts reads that went on from where nothing is kept any more', async () => {
      const source = feedSource({ client: db.client, onError: () => undefined })
      await source.start(() => undefined)
      await source.since('feed:items:a', '0b8f2c1e-7a57-4c1d-9a55-3f1f8f0f8f0f:1:1:', 10)
      expect(statsOf(source).gaps).toBe(1)
      await source.keeping?.keptSince('room', true, '0b8f2c1e-7a57-4c1d-9a55-3f1f8f0f8f0f:1:1:', 10)
      await source.since('feed:items:a', undefined, 10)
      expect(statsOf(source).gaps).toBe(2)
      await source.close()
    })

    it.runIf(_name === 'postgres')(
      'is deaf from when the connection that listens is lost until there is another',
      async () => {
        const clock = createManualClock()
        const source = feedSource({ client: db.client, clock, onError: () => undefined })
        await source.start(() => undefined)
        await expect.poll(() => statsOf(source).isDeaf).toBe(false)
        await db.exec(
          `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`,
        )
        await expect.poll(() => statsOf(source).isDeaf).toBe(true)
        await expect
          .poll(async () => {
            await clock.advance(500)
            return statsOf(source).isDeaf
          })
          .toBe(false)
        await source.close()
      },
    )
  },
)
