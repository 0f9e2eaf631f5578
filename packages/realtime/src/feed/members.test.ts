import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { databases, openPglite, type TestDatabase } from '../testing/test-database.ts'
import { feedSource, type FeedMessage, type FeedSource } from './source.ts'
import { feedMigration, type FeedTable } from './sql.ts'

const RELEASES: FeedTable = {
  table: 'releases',
  owner: 'label_id',
  members: { table: 'label_members', group: 'label_id', user: 'user_id' },
}
const TABLES = `create table releases (id bigint generated always as identity primary key, label_id int, n int);
  create table label_members (label_id int, user_id text, role text)`

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'a feed of a group on %s',
  (_name, open) => {
    let db: TestDatabase
    let source: FeedSource
    const heard: FeedMessage[] = []
    /** All that was ever heard. */
    const known = new Set<string>()
    beforeAll(async () => {
      db = await open()
      await db.exec(TABLES)
      await db.exec(feedMigration([RELEASES]))
      // What the migration said is of before.
      for (const { id } of await db.query<{ id: string }>('select id::text from msc_feed.events')) known.add(`f${id}`)
      source = feedSource({ client: db.client })
      await source.start((message) => {
        heard.push(message)
        known.add(message.id)
      })
    })
    afterAll(async () => {
      await source.close()
      await db.close()
    })
    beforeEach(async () => {
      await db.exec('delete from label_members; delete from releases')
      const [last] = await db.query<{ id: string | null }>('select max(id)::text as id from msc_feed.events')
      // What the deletions said.
      if (last?.id) await expect.poll(() => known.has(`f${last.id}`)).toBe(true)
      heard.length = 0
    })

    const join = (label: number, user: string): Promise<unknown> =>
      db.query('insert into label_members (label_id, user_id) values ($1, $2)', [label, user])
    const mayRead = async (topic: string | null, sub: string | null): Promise<unknown> =>
      (await db.query<{ may: unknown }>('select msc_feed.may_read($1, $2) as may', [topic, sub]))[0]?.may
    const left = (): unknown[] =>
      heard.filter(({ kind }) => kind === 'access').map(({ topic, payload }) => [topic, payload['user']])

    it('has one event for each row, however many members there are', async () => {
      for (const user of ['ana', 'ben', 'cai']) await join(7, user)
      await db.query('insert into releases (label_id, n) values (7, 1)')
      await expect
        .poll(() => heard.map(({ kind, topic, event }) => [kind, topic, event]))
        .toEqual([['row', 'feed:releases:7', 'INSERT']])
    })

    it('is of its members alone, from their row’s commit to its end, and of no user who has the group’s id', async () => {
      expect(await mayRead('feed:releases:7', 'ana')).toBe(false)
      await join(7, 'ana')
      await join(8, '7')
      const asked: [string | null, string | null, boolean][] = [
        ['feed:releases:7', 'ana', true],
        ['feed:releases:8', '7', true],
        ['feed:releases:7', '7', false],
        ['feed:releases:8', 'ana', false],
        ['feed:releases:07', 'ana', false],
        ['feed:releases: 7', 'ana', false],
        ['feed:releases:7:', 'ana', false],
        ['feed:releases:7 or true', 'ana', false],
        ['feed:releases:99999999999999999999', 'ana', false],
        ['feed:releases:', 'ana', false],
        ['feed:releases:ana', 'ana', false],
        ['feed:releases', 'ana', false],
        ['feed:releases:7', '', false],
        ['feed:releases:7', null, false],
        [null, 'ana', false],
        ['', 'ana', false],
        ['lobby', 'ana', false],
        // The other feeds are as they were.
        ['feed:items:ana', 'ana', true],
        ['feed:items:a:b', 'a:b', true],
        ['feed:items:7', 'ana', false],
      ]
      for (const [topic, sub, may] of asked) expect([topic, sub, await mayRead(topic, sub)]).toEqual([topic, sub, may])
      await db.query(`delete from label_members where user_id = 'ana'`)
      expect(await mayRead('feed:releases:7', 'ana')).toBe(false)
    })

    it('tells of whoever is taken out, before the rows that are written afterwards', async () => {
      for (const user of ['ana', 'ben', 'cai']) await join(7, user)
      await db.query(`delete from label_members where user_id = 'ana'`)
      await db.query('insert into releases (label_id, n) values (7, 1)')
      await db.query(`update label_members set role = 'admin'`)
      await db.query(`update label_members set label_id = 8 where user_id = 'ben'`)
      await db.query(`update label_members set user_id = 'dan' where user_id = 'cai'`)
      await db.query('truncate label_members')
      await expect.poll(left).toEqual([
        ['feed:releases:7', 'ana'],
        ['feed:releases:7', 'ben'],
        ['feed:releases:7', 'cai'],
        ['feed:releases:', null],
      ])
      expect(heard.map(({ kind }) => kind)).toEqual(['access', 'row', 'access', 'access', 'access'])
    })

    it('says so of one of two equal rows too, for of two transactions neither sees the last', async () => {
      await join(7, 'ana')
      await join(7, 'ana')
      await db.query(
        `delete from label_members where ctid in (select ctid from label_members where user_id = 'ana' limit 1)`,
      )
      await expect.poll(left).toEqual([['feed:releases:7', 'ana']])
      expect(await mayRead('feed:releases:7', 'ana')).toBe(true)
    })

    it('says nothing when a transaction is rolled back, and nothing of rows without a group or a user', async () => {
      await join(7, 'ana')
      await db.exec(`do $$ begin delete from label_members; raise exception 'no'; end $$`).catch(() => undefined)
      await db.exec(`insert into label_members values (null, 'ana'), (7, null); delete from label_members where
        label_id is null or user_id is null`)
      await db.query('insert into releases (label_id, n) values (7, 2)')
      await expect.poll(() => heard.map(({ kind }) => kind)).toEqual(['row'])
    })

    it('refuses history to whoever is no member any more', async () => {
      await join(7, 'ana')
      await db.query('insert into releases (label_id, n) values (7, 3)')
      // Both of one connection.
      const read = (sub: string): Promise<unknown> =>
        db.exec(`select set_config('request.jwt.claims', '{"sub":"${sub}"}', false);
          select public.msc_feed_since('feed:releases:7')`)
      await expect(read('ana')).resolves.toBeDefined()
      await db.query('delete from label_members')
      await expect(read('ana')).rejects.toThrow(/permissions/)
      await expect(read('7')).rejects.toThrow(/permissions/)
    })
  },
)

describe('the migration of a feed of a group', () => {
  it('has who is in it asked again when who may read it changes, and not when it is applied again', async () => {
    const db = await openPglite()
    await db.exec(TABLES)
    const told = async (): Promise<unknown[]> =>
      (
        await db.query<{ payload: unknown }>(`select payload from msc_feed.events where event = 'LEAVE' order by id`)
      ).map(({ payload }) => payload)
    const everybody = { topic: 'feed:releases:', user: null }
    await db.exec(feedMigration([{ table: 'releases', owner: 'label_id' }]))
    expect(await told()).toEqual([])
    await db.exec(feedMigration([RELEASES]))
    await db.exec(feedMigration([RELEASES]))
    expect(await told()).toEqual([everybody])
    await db.exec(feedMigration([{ table: 'releases', owner: 'label_id' }]))
    expect(await told()).toEqual([everybody, everybody])
    const may = await db.query(`select msc_feed.may_read('feed:releases:7', '7') as own`)
    expect(may).toEqual([{ own: true }])
    await db.close()
  })

  it.each(['', 'a.b', 'a:b', 'x'.repeat(64)])(
    'refuses the name %j for a membership table or a column of it',
    (name) => {
      for (const part of ['table', 'group', 'user', 'schema']) {
        const members = { table: 'm', group: 'g', user: 'u', [part]: name }
        expect(() => feedMigration([{ table: 't', owner: 'o', members }])).toThrow(
          expect.objectContaining({ code: 'FEED_TABLE_INVALID' }),
        )
      }
    },
  )

  it('takes any other name as it is', async () => {
    const db = await openPglite()
    await db.exec(`create schema "Odd 's"; create table "Odd 's"."the ""Members" ("of %I" uuid, "Who's" uuid);
      create table notes (team uuid, n int)`)
    const members = { schema: "Odd 's", table: 'the "Members', group: 'of %I', user: "Who's" }
    await db.exec(feedMigration([{ table: 'notes', owner: 'team', members }]))
    const [team, user] = [crypto.randomUUID(), crypto.randomUUID()]
    await db.query(`insert into "Odd 's"."the ""Members" values ($1, $2)`, [team, user])
    const may = async (sub: string): Promise<unknown> =>
      (await db.query<{ may: boolean }>(`select msc_feed.may_read($1, $2) as may`, [`feed:notes:${team}`, sub]))[0]?.may
    expect(await may(user)).toBe(true)
    expect(await may(user.toUpperCase())).toBe(false)
    expect(await may('no uuid')).toBe(false)
    await db.query(`delete from "Odd 's"."the ""Members"`)
    expect(
      await db.query(`select payload ->> 'user' as "left" from msc_feed.events where event = 'LEAVE'`),
    ).toContainEqual({
      left: user,
    })
    await db.close()
  })
})
