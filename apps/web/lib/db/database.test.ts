import { readFile } from 'node:fs/promises'
import type { PGlite } from '@electric-sql/pglite'
import { databasePolicies, feedMigration, type TopicAction } from '@msc/realtime/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asService, asUser, open, type Claims } from './database.ts'
import { migrate } from './migrate.ts'
import { seed, seededUsers } from './seed.ts'

const [artist, admin] = seededUsers
const other = '33333333-3333-4333-8333-333333333333'
const as = (sub: string, role?: string): Claims => ({
  sub,
  role: 'authenticated',
  ...(role && { app_metadata: { role } }),
})

let db: PGlite
beforeAll(async () => {
  db = await open()
  await db.query(`insert into auth.users (id, email, encrypted_password) values ($1, 'other@msc.example', 'x')`, [
    other,
  ])
})
afterAll(() => db.close())

const insertRelease = (claims: Claims, owner: string) =>
  asUser(
    claims,
    (tx) =>
      tx.query<{ id: string }>(
        `insert into releases (user_id, title, artist_name, genre, release_date) values ($1, 't', 'a', 'Pop', '2026-12-01') returning id`,
        [owner],
      ),
    db,
  )

describe('migrations', () => {
  it('apply once; a second start changes nothing', async () => {
    expect(await migrate(db)).toEqual([])
    await seed(db)
    const { rows } = await db.query<{ count: number }>('select count(*)::int as count from profiles')
    expect(rows[0]?.count).toBe(seededUsers.length)
  })
})

it('include the feeds as the generator makes them now', async () => {
  const file = new URL('../../supabase/migrations/20261124000000_feeds.sql', import.meta.url)
  const made = feedMigration([
    { table: 'notifications', owner: 'user_id' },
    { table: 'releases', owner: 'user_id' },
  ])
  expect((await readFile(file, 'utf8')).endsWith(made)).toBe(true)
})

describe('row level security', () => {
  it('shows artists their own releases, admins all of them, and strangers none', async () => {
    const titles = (claims: Claims) =>
      asUser(claims, (tx) => tx.query<{ title: string }>('select title from releases'), db)
    expect((await titles(as(artist.id))).map((row) => row.title)).toContain('Harbour Lights')
    expect((await titles(as(admin.id, 'admin'))).map((row) => row.title)).toContain('Harbour Lights')
    expect(await titles(as(other))).toEqual([])
    await expect(titles({ sub: other, role: 'anon' })).rejects.toThrow(/permission denied/)
  })

  it('shows nobody another’s subscription, payments or mails, and lets nobody extend their own', async () => {
    const count = (claims: Claims, table: string) =>
      asUser(claims, (tx) => tx.query(`select 1 from ${table}`), db).then((rows) => rows.length)
    expect([await count(as(artist.id), 'subscriptions'), await count(as(other), 'subscriptions')]).toEqual([1, 0])
    await asService(
      (tx) =>
        tx.query(`insert into charges (id, user_id, reference, amount) values (gen_random_uuid(), $1, 's', 990)`, [
          artist.id,
        ]),
      db,
    )
    expect([await count(as(artist.id), 'charges'), await count(as(other), 'charges')]).toEqual([1, 0])
    await expect(count(as(artist.id), 'mails')).rejects.toThrow(/permission denied/)
    await expect(
      asUser(as(artist.id), (tx) => tx.query(`update subscriptions set paid_until = '2030-01-01'`), db),
    ).rejects.toThrow(/permission denied/)
  })

  it('refuses a release in somebody else’s name, and a role that the user sets', async () => {
    await expect(insertRelease(as(other), artist.id)).rejects.toThrow(/row-level security/)
    await expect(
      asUser(as(artist.id), (tx) => tx.query(`update profiles set role = 'admin' where id = $1`, [artist.id]), db),
    ).rejects.toThrow(/permission denied/)
    await expect(
      asUser(
        as(artist.id),
        (tx) => tx.query(`update releases set analysis = '{}' where user_id = $1`, [artist.id]),
        db,
      ),
    ).rejects.toThrow(/permission denied/)
  })

  it('does not leak a role to the next query', async () => {
    await asUser(as(other), (tx) => tx.query('select 1'), db)
    const { rows } = await db.query<{ role: string }>('select current_user as role')
    expect(rows[0]?.role).not.toBe('authenticated')
  })
})

describe('feeds', () => {
  it('broadcasts a notification only to its owner, after the commit', async () => {
    const heard: string[] = []
    const stop = await db.listen('msc_feed', (id) => heard.push(id))
    await asService(
      (tx) => tx.query(`insert into notifications (user_id, type, title) values ($1, 'test', 'hello')`, [artist.id]),
      db,
    )
    await expect.poll(() => heard.length).toBe(1)
    const { rows } = await db.query<{ topic: string; event: string; payload: { record: { title: string } } }>(
      'select topic, event, payload from msc_feed.events where id = $1',
      [heard[0]],
    )
    expect(rows[0]).toMatchObject({
      topic: `feed:notifications:${artist.id}`,
      event: 'INSERT',
      payload: { operation: 'INSERT', table: 'notifications', record: { title: 'hello' }, old_record: null },
    })
    await stop()
  })

  it('routes a DELETE by the old row', async () => {
    const [release] = await insertRelease(as(other), other)
    await asUser(as(other), (tx) => tx.query('delete from releases where id = $1', [release?.id]), db)
    const { rows } = await db.query<{ topic: string }>(`select topic from msc_feed.events where event = 'DELETE'`)
    expect(rows).toEqual([{ topic: `feed:releases:${other}` }])
  })

  it('never fails the write because a row is large', async () => {
    await expect(
      asService(
        (tx) =>
          tx.query(`insert into notifications (user_id, type, title, body) values ($1, 'test', 'big', $2)`, [
            other,
            'x'.repeat(100_000),
          ]),
        db,
      ),
    ).resolves.toEqual([])
  })

  it('lets only the owner join, and nobody send', async () => {
    const authorize = databasePolicies({ client: db })
    const may = async (claims: Claims, topic: string, action: TopicAction): Promise<boolean> =>
      authorize({ claims: { ...claims, exp: 4e9 }, topic, action }, AbortSignal.timeout(5000))
    const topic = `feed:notifications:${artist.id}`
    expect(await may(as(artist.id), topic, 'read')).toBe(true)
    expect(await may(as(other), topic, 'read')).toBe(false)
    expect(await may({ sub: artist.id, role: 'anon' }, topic, 'read')).toBe(false)
    expect(await may(as(artist.id), topic, 'write')).toBe(false)
    expect(await may(as(artist.id), 'lobby', 'read')).toBe(false)
    const { rows } = await db.query('select 1 from realtime.messages where payload is null')
    expect(rows).toEqual([])
  })
})
