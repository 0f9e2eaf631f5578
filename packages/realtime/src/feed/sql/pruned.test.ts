import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { feedMigration } from '../sql.ts'

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'a topic of which nothing is gone, on %s',
  (_name, open) => {
    let db: TestDatabase
    beforeAll(async () => {
      db = await open()
    })
    afterAll(() => db.close())
    afterEach(() =>
      db.exec(`delete from msc_feed.events; delete from msc_feed.pruned where topic <> 'feed!'; delete from items`),
    )

    const insert = (...owners: string[]): Promise<unknown> =>
      db.query('insert into items (owner) select unnest($1::text[])', [owners])
    /** Where the feed is now, and where the last message of it is. */
    const now = async (): Promise<string> =>
      String((await db.query<{ cursor: string }>('select cursor from msc_feed.unheard(null, null, 0)'))[0]?.cursor)
    const last = async (owner: string): Promise<string> => {
      const [row] = await db.query<{ cursor: string }>(
        `select msc_feed.epoch() || ':' || snapshot || '+' || xid || '.' || id as cursor
          from msc_feed.events where topic = $1 order by id desc limit 1`,
        [`feed:items:${owner}`],
      )
      return String(row?.cursor)
    }
    const prune = async (...topics: string[]): Promise<void> => {
      await db.query(`update msc_feed.events set inserted_at = now() - interval '2 hours' where topic = any ($1)`, [
        topics,
      ])
      await db.query(`select msc_feed.prune('1 hour', 10000)`)
    }
    const hasGap = async (topic: string, after: string): Promise<boolean | undefined> =>
      (await db.query<{ gap: boolean }>('select gap from msc_feed.unheard($1, $2, 10)', [topic, after]))[0]?.gap

    it('has no gap when rows of others were pruned, nor when its own were that had been heard', async () => {
      await insert('a', 'a')
      await insert('a')
      const [at, heard] = [await now(), await last('a')]
      await insert('b')
      await prune('feed:items:b')
      for (const cursor of [at, heard]) {
        expect(await hasGap('feed:items:a', cursor)).toBe(false)
        expect(await hasGap('feed:items:b', cursor)).toBe(true)
        expect(await hasGap('room:1', cursor)).toBe(false)
      }
      await prune('feed:items:a')
      for (const cursor of [at, heard]) expect(await hasGap('feed:items:a', cursor)).toBe(false)
    })

    it('has a gap when one of its rows was pruned that was not heard, also of the transaction that was', async () => {
      await insert('a', 'a')
      const [first] = await db.query<{ cursor: string }>(
        `select msc_feed.epoch() || ':' || snapshot || '+' || xid || '.' || id as cursor from msc_feed.events order by id limit 1`,
      )
      const heard = await last('a')
      // Of a transaction that was open when another one had ended.
      const [, xid = '', id = ''] = /\+(\d+)\.(\d+)$/.exec(heard) ?? []
      const open = (row: number): string => `${heard.slice(0, 36)}:${xid}:${Number(xid) + 1}:${xid}+${xid}.${row}`
      await insert('b')
      await insert('a')
      const later = await last('a')
      await insert('b')
      await db.query(
        `update msc_feed.events set inserted_at = now() - interval '2 hours' where topic = 'feed:items:a' and id <= $1`,
        [id],
      )
      await prune()
      expect(await hasGap('feed:items:a', heard)).toBe(false)
      for (const [row, gap] of [
        [Number(id) - 1, true],
        [Number(id), false],
      ] as const) {
        expect(await hasGap('feed:items:a', open(row))).toBe(gap)
      }
      await prune('feed:items:a')
      expect(await hasGap('feed:items:a', String(first?.cursor))).toBe(true)
      expect(await hasGap('feed:items:a', heard)).toBe(true)
      expect(await hasGap('feed:items:a', later)).toBe(false)
      // What is pruned later counts as well, in whatever order it goes.
      await insert('a')
      await prune('feed:items:a')
      expect(await hasGap('feed:items:a', later)).toBe(true)
    })

    it('has a gap when its table was emptied, though that was pruned too', async () => {
      await insert('a')
      const at = await now()
      await db.exec('truncate items')
      await prune('feed!items')
      expect(await hasGap('feed:items:a', at)).toBe(true)
      expect(await hasGap('feed:others:a', at)).toBe(false)
      expect(await hasGap('feed:items:a', await now())).toBe(false)
    })

    it('is remembered for 30 days after its last row went; what is older than that has a gap', async () => {
      await insert('a')
      const at = await now()
      await insert('b')
      await prune('feed:items:b')
      await insert('c')
      const later = await now()
      await db.exec(`update msc_feed.pruned set at = now() - interval '31 days'`)
      await prune()
      expect(await db.query('select topic from msc_feed.pruned')).toEqual([{ topic: 'feed!' }])
      for (const topic of ['feed:items:a', 'feed:items:b']) {
        expect(await hasGap(topic, at)).toBe(true)
        expect(await hasGap(topic, later)).toBe(false)
      }
    })

    it('has a gap by the rows of before, of an outbox that did not know its topics’', async () => {
      const at = await now()
      await insert('b')
      await db.exec('drop table msc_feed.pruned; update msc_feed.state set floor = pg_current_xact_id()')
      await db.exec(feedMigration([{ table: 'items', owner: 'owner' }]))
      expect(await hasGap('feed:items:a', at)).toBe(true)
      const later = await now()
      await insert('b')
      await prune('feed:items:b')
      expect(await hasGap('feed:items:a', later)).toBe(false)
    })
  },
)
