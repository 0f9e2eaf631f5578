import { listen } from '@msc/core/postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FeedPage } from './page.ts'
import { feedMigration } from './sql.ts'
import { feedSource, type FeedMessage, type FeedSource } from './source.ts'
import { databases, itemsFeed, openPglite, type TestDatabase } from '../testing/test-database.ts'

const numbers = ({ events }: FeedPage): unknown[] => events.map(({ payload }) => (payload['record'] as { n: number }).n)

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'feeds on %s',
  (_name, open) => {
    let db: TestDatabase
    let source: FeedSource
    const heard: FeedMessage[] = []
    beforeAll(async () => {
      db = await open()
      source = feedSource({ client: db.client })
      await source.start((message) => void heard.push(message))
    })
    afterAll(async () => {
      await source.close()
      await db.close()
    })
    beforeEach(async () => {
      await db.exec('delete from items; delete from msc_feed.events')
      // What the deletions said.
      await expect.poll(async () => (await db.query('select 1 from items')).length).toBe(0)
      heard.length = 0
    })
    const insert = (owner: string | null, n: number): Promise<unknown> =>
      db.query('insert into items (owner, n) values ($1, $2)', [owner, n])
    const own = (owner: string): FeedMessage[] => heard.filter(({ topic }) => topic === `feed:items:${owner}`)
    const stamps = (owner: string) =>
      own(owner).map(({ payload }) => payload['_msc'] as { readonly id: string; readonly cursor: string })
    const said = (owner: string): unknown[] =>
      own(owner).map(({ event, payload }) => [event, ((payload['record'] ?? payload['old_record']) as { n: number }).n])

    it('are made anew without harm', async () => {
      await insert('a', 1)
      await db.exec(itemsFeed)
      await insert('a', 2)
      await expect
        .poll(() => said('a'))
        .toEqual([
          ['INSERT', 1],
          ['INSERT', 2],
        ])
    })

    it('tell a row’s owner alone of what becomes of it, and the old one when it changes hands', async () => {
      await insert('a', 1)
      await insert(null, 2)
      await db.query(`update items set note = 'x' where n = 1`)
      await db.query(`update items set owner = 'b' where n = 1`)
      await db.query(`delete from items where n = 1`)
      await expect
        .poll(() => said('b'))
        .toEqual([
          ['INSERT', 1],
          ['DELETE', 1],
        ])
      expect(said('a')).toEqual([
        ['INSERT', 1],
        ['UPDATE', 1],
        ['DELETE', 1],
      ])
      expect(new Set(heard.map(({ topic }) => topic))).toEqual(new Set(['feed:items:a', 'feed:items:b']))
    })

    it('say to all topics of a table what the database says alone, and to channels of its name nothing', async () => {
      const write = 'select msc_feed.publish($1, $2, $3, false)'
      await expect(db.query(write, ['feed!:access', 'LEAVE', { topic: '' }])).rejects.toThrow(/reserved/)
      await expect(db.query(write, ['feed!items', 'TRUNCATE', {}])).rejects.toThrow(/reserved/)
      const kept = await source.keeping?.keptSince('room:items', false, undefined, 10)
      await db.query(write, ['room:items', 'note', { n: 1 }])
      await db.exec('truncate items')
      const since = await source.keeping?.keptSince('room:items', false, kept?.cursor, 10)
      expect(since).toMatchObject({ gap: false, events: [{ event: 'note' }] })
    })

    it('replay what is private alone: a public channel of the same name is another', async () => {
      for (const isPrivate of [true, false])
        await db.query('select msc_feed.publish($1, $2, $3, $4)', ['room:1', 'note', { isPrivate }, isPrivate])
      const events = await source.replay('room:1', 0, 25)
      expect(events.map(({ payload }) => payload)).toEqual([{ isPrivate: true }])
    })

    it('say nothing of what was rolled back, and never fail a write for its size', async () => {
      const { cursor } = await source.since('feed:items:a', undefined, 10)
      await db.exec(`begin; insert into items (owner, n) values ('a', 1); rollback`)
      await db.query(`insert into items (owner, n, note) values ('a', 2, repeat('x', 3000000))`)
      // Of so large a row they are told that it is there, and read it.
      await expect.poll(() => own('a').map(({ kind }) => kind)).toEqual(['more'])
      const { events } = await source.since('feed:items:a', cursor, 10)
      expect(events.map(({ payload }) => (payload['record'] as { note: string }).note.length)).toEqual([3_000_000])
    })

    it('go on from a cursor, in pages, each event once and under the id that it had', async () => {
      const start = await source.since('feed:items:a', undefined, 10)
      expect(start).toMatchObject({ events: [], gap: false, more: false })
      await db.query(`insert into items (owner, n) select 'a', i from generate_series(1, 25) as i`)
      await insert('b', 99)
      await expect.poll(() => own('a').length).toBe(25)
      const seen: unknown[] = []
      let page = start
      do {
        page = await source.since('feed:items:a', page.cursor, 10)
        seen.push(...page.events.map(({ payload }) => (payload['_msc'] as { id: string }).id))
      } while (page.more)
      expect(seen).toEqual(stamps('a').map(({ id }) => id))
      expect(seen).toHaveLength(25)
      expect((await source.since('feed:items:a', page.cursor, 10)).events).toEqual([])
    })

    it('go on from a live message too', async () => {
      await insert('a', 1)
      await expect.poll(() => own('a').length).toBe(1)
      const cursor = stamps('a')[0]?.cursor
      await insert('a', 2)
      expect(numbers(await source.since('feed:items:a', cursor, 10))).toEqual([2])
    })

    it('say that there is a gap where history was deleted, or is another one', async () => {
      const { cursor } = await source.since('feed:items:a', undefined, 10)
      await insert('a', 1)
      await db.query(`update msc_feed.events set inserted_at = now() - interval '4 days'`)
      await db.query(`select msc_feed.prune('3 days', 100)`)
      expect(await source.since('feed:items:a', cursor, 10)).toMatchObject({ gap: true, events: [], more: false })
      const now = (await source.since('feed:items:a', undefined, 10)).cursor
      expect(await source.since('feed:items:a', now, 10)).toMatchObject({ gap: false })
      await db.query('update msc_feed.state set epoch = gen_random_uuid()')
      expect(await source.since('feed:items:a', now, 10)).toMatchObject({ gap: true })
    })

    it('are read by a user only where they are theirs', async () => {
      const read = async (sub: string, topic: string): Promise<unknown> => {
        await db.query(`select set_config('request.jwt.claims', $1, false)`, [JSON.stringify({ sub })])
        return db.query('select public.msc_feed_since($1, null, 10)', [topic])
      }
      if (db.pool) {
        // The setting belongs to a connection, so there must be one.
        const client = await db.pool.connect()
        await client.query(`select set_config('request.jwt.claims', '{"sub":"a"}', false)`)
        await expect(client.query(`select public.msc_feed_since('feed:items:a')`)).resolves.toMatchObject({
          rows: [{ msc_feed_since: { gap: false, events: [] } }],
        })
        await expect(client.query(`select public.msc_feed_since('feed:items:b')`)).rejects.toMatchObject({
          code: '42501',
        })
        for (const topic of ['secret:items:a', 'feed:items:a:b', 'feed:items', '']) {
          await expect(client.query('select public.msc_feed_since($1)', [topic])).rejects.toMatchObject({
            code: '42501',
          })
        }
        client.release(true)
        return
      }
      await expect(read('a', 'feed:items:a')).resolves.toMatchObject([{ msc_feed_since: { gap: false, events: [] } }])
      for (const topic of ['feed:items:b', 'feed:items:a:b', 'feed:items', '']) {
        await expect(read('a', topic)).rejects.toMatchObject({ code: '42501' })
      }
      await expect(read('', 'feed:items:')).rejects.toThrow()
    })

    it('miss nothing that was begun earlier and committed later', async () => {
      if (!db.pool) return
      const [slow, quick] = [await db.pool.connect(), await db.pool.connect()]
      await slow.query('begin')
      await slow.query(`insert into items (owner, n) values ('a', 1)`)
      await quick.query(`insert into items (owner, n) values ('a', 2)`)
      await expect.poll(() => said('a')).toEqual([['INSERT', 2]])
      const cursor = stamps('a')[0]?.cursor
      const pulled = (await source.since('feed:items:a', cursor, 10)).cursor
      await slow.query('commit')
      for (const position of [cursor, pulled]) {
        expect(numbers(await source.since('feed:items:a', position, 10))).toEqual([1])
      }
      await expect
        .poll(() => said('a'))
        .toEqual([
          ['INSERT', 2],
          ['INSERT', 1],
        ])
      slow.release()
      quick.release()
    })

    it('are heard of again after the database has cut the connection', async () => {
      if (!db.pool) return
      await db.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and query like 'listen%'`,
      )
      for (let n = 1; n <= 20; n++) await insert('a', n)
      await expect.poll(() => said('a')).toEqual(Array.from({ length: 20 }, (_, index) => ['INSERT', index + 1]))
    })
  },
)

it('waits for its database, and tells nobody a position before it knows where it begins', async () => {
  const db = await openPglite()
  const pglite = db.client as Extract<TestDatabase['client'], { listen: unknown }>
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  let asked = 0
  const source = feedSource({
    client: {
      listen: (channel, callback) => pglite.listen(channel, callback),
      async query(text, values) {
        if (text.includes('unheard(null, null')) {
          if (++asked === 1) throw new Error('the database is starting up')
          await gate
        }
        return pglite.query(text, values)
      },
    },
    onError: () => {},
  })
  const heard: unknown[] = []
  const started = source.start(({ payload }) => heard.push((payload['record'] as { n: number }).n))
  const first = source.since('feed:items:a', undefined, 10)
  await expect.poll(() => asked).toBe(2)
  open()
  const { cursor } = await first
  await db.query(`insert into items (owner, n) values ('a', 1)`)
  await started
  await expect.poll(() => heard).toEqual([1])
  expect(numbers(await source.since('feed:items:a', cursor, 10))).toEqual([1])
  await source.close()
  await db.close()
})

it('does not wait for a connection for ever, and keeps none that comes when nobody waits', async () => {
  vi.useFakeTimers()
  try {
    const released = vi.fn()
    const listening = vi.fn()
    let answer = (_connection: unknown): void => {}
    const connection = (query: () => Promise<{ rows: unknown[] }>) => ({
      query,
      on: () => undefined,
      removeAllListeners: () => undefined,
      release: released,
    })
    const healthy = connection(async () => ({ rows: [] }))
    const attempts = [
      () => new Promise((resolve) => (answer = resolve)),
      async () => connection(() => new Promise(() => undefined)),
      async () => healthy,
    ]
    const stopped = listen(
      { query: async () => ({ rows: [] }), connect: () => (attempts.shift() as () => Promise<never>)() },
      'x',
      { name: 'test', onNotice() {}, onListening: listening, onError() {} },
    )
    await vi.advanceTimersByTimeAsync(5000)
    const stop = await stopped
    answer(healthy)
    await vi.advanceTimersByTimeAsync(0)
    expect(released.mock.calls).toEqual([[true]])
    await vi.advanceTimersByTimeAsync(5500)
    expect(released).toHaveBeenCalledTimes(2)
    expect(listening).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(500)
    expect(listening).toHaveBeenCalledOnce()
    await stop()
    expect(released).toHaveBeenCalledTimes(3)
  } finally {
    vi.useRealTimers()
  }
})

describe('the migration', () => {
  it('quotes what needs it, and refuses what is no name', () => {
    const sql = feedMigration([{ table: 'Odd "name"', owner: `it's`, schema: 'app' }])
    expect(sql).toContain(`on app."Odd ""name"""`)
    expect(sql).toContain(`msc_feed.on_change('it''s', 'app.Odd "name"', 'Odd "name"', 'app')`)
    for (const table of ['', 'a:b', 'a.b', 'x'.repeat(64)]) {
      expect(() => feedMigration([{ table, owner: 'x' }])).toThrow(expect.objectContaining({ name: 'ConfigError' }))
    }
  })
})
