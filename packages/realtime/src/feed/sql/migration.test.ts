import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { databases, itemsFeed, type TestDatabase } from '../../testing/test-database.ts'
import { feedMigration } from '../sql.ts'

it('a table has one feed: two are refused, also by a schema that is said and one that is not', () => {
  const tables = [
    { table: 'items', owner: 'owner' },
    { table: 'items', owner: 'note', schema: 'public' },
  ]
  expect(() => feedMigration(tables)).toThrow(expect.objectContaining({ code: 'FEED_TABLE_INVALID' }))
})

it.each([
  [[{ table: 'items' }]],
  [[{ table: 'items', owner: 7 }]],
  [[{ table: 'items', owner: '' }]],
  [['items']],
  [[null]],
  [{ table: 'items', owner: 'owner' }],
  [undefined],
])('what is no list of tables with their owners is refused, and said what to pass: %j', (tables) => {
  const wrong = { name: 'ConfigError', code: 'OPTION_INVALID', hint: expect.stringContaining('owner') as string }
  expect(() => feedMigration(tables as never)).toThrow(expect.objectContaining(wrong))
})

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'a migration on %s',
  (_name, open) => {
    let db: TestDatabase
    beforeAll(async () => {
      db = await open()
    }, 60_000)
    afterAll(() => db.close())
    afterEach(() => db.exec('delete from msc_feed.events'))

    it('says which columns there are not, and changes nothing', async () => {
      await db.exec('create table people (id int, team text)')
      const members = { table: 'people', group: 'team', user: 'person' }
      for (const [sql, column] of [
        [feedMigration([{ table: 'items', owner: 'nope' }]), 'nope'],
        [feedMigration([{ table: 'items', owner: 'owner', members }]), 'person'],
      ] as const) {
        await expect(db.exec(sql)).rejects.toMatchObject({ code: '42703', message: expect.stringContaining(column) })
      }
      await db.query(`insert into items (owner) values ('ana')`)
      expect(await db.query('select topic from msc_feed.events')).toEqual([{ topic: 'feed:items:ana' }])
    })

    it('takes names with dollars, quotes and spaces', async () => {
      for (const table of ['a$$b', 'a$msc$b', `it's "one"`]) {
        await db.exec(`create table "${table.replaceAll('"', '""')}" (id int, owner text)`)
        const sql = feedMigration([{ table, owner: 'owner' }])
        await db.exec(sql)
        await db.exec(sql)
        await db.query(`insert into "${table.replaceAll('"', '""')}" values (1, 'ana')`)
        expect(await db.query('select topic from msc_feed.events')).toEqual([{ topic: `feed:${table}:ana` }])
        await db.exec('delete from msc_feed.events')
      }
    })

    it('keeps each number with the digits that it has, however large or small', async () => {
      const numbers =
        '[0, -0.5, 123456789012345, 1234567890123456, 9007199254740993, 0.1000000000000000055, 1e400, 1.5e308, -1e-400, 5e-324]'
      const [row] = await db.query<{ exact: string }>('select msc_feed.exact($1::jsonb)::text as exact', [
        `{"n": ${numbers}, "in": {"n": 9007199254740993, "also": [[1e400]]}}`,
      ])
      const { n, in: nested } = JSON.parse(row?.exact ?? '') as { n: unknown[]; in: { n: unknown; also: unknown[][] } }
      expect(n.slice(0, 5)).toEqual([0, -0.5, 123456789012345, 1234567890123456, '9007199254740993'])
      expect(n[5]).toBe('0.1000000000000000055')
      expect(n[6]).toMatch(/^10{400}$/)
      expect(n[7]).toBe(1.5e308)
      expect(n[8]).toMatch(/^-0\.0+1$/)
      expect(Number(n[9])).toBe(5e-324)
      expect([nested.n, nested.also[0]?.[0]]).toEqual(['9007199254740993', n[6]])
      expect(await db.query('select msc_feed.exact($1::jsonb)::text as exact', ['9007199254740993'])).toEqual([
        { exact: '"9007199254740993"' },
      ])
    })

    it('is applied again, and by several at once, under writers, of whom it costs none their write', async () => {
      const { pool } = db
      if (!pool) {
        // One connection: there is nobody beside it.
        for (let time = 0; time < 3; time++) await db.exec(itemsFeed)
        return
      }
      const over = new AbortController()
      const write = async (): Promise<number> => {
        let count = 0
        for (; !over.signal.aborted; count++) await pool.query(`insert into items (owner, n) values ('ana', 1)`)
        return count
      }
      const writers = Promise.all(Array.from({ length: 4 }, write))
      try {
        for (let time = 0; time < 3; time++) {
          await Promise.all([pool.query(itemsFeed), pool.query(itemsFeed), pool.query(itemsFeed)])
        }
      } finally {
        over.abort()
      }
      const written = (await writers).reduce((sum, count) => sum + count, 0)
      expect(written).toBeGreaterThan(0)
      expect(await db.query('select count(*)::int as n from msc_feed.events')).toEqual([{ n: written }])
      expect(await db.query(`show lock_timeout`)).toEqual([{ lock_timeout: '0' }])
    }, 60_000)
  },
)
