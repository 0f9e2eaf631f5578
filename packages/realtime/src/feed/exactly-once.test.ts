import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { embedded } from '../drivers/embedded.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { feedMigration } from './sql.ts'
import { feedSource, type FeedSource } from './source.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, n) => n + from)

interface Heard<Row = { readonly n: number }> {
  readonly rows: Row[]
  readonly numbers: number[]
  gaps: number
}

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'a feed on %s',
  (_name, open) => {
    let db: TestDatabase
    let server: StandaloneServer
    let proxy: ChaosProxy
    const clients: Realtime[] = []
    /** Stands before each page of history. */
    let beforePage = async (): Promise<void> => undefined
    beforeAll(async () => {
      db = await open()
    })
    afterAll(() => db.close())
    beforeEach(async () => {
      const source = feedSource({ client: db.client })
      const since: FeedSource['since'] = async (...args) => {
        await beforePage()
        return source.since(...args)
      }
      server = await startRealtimeServer({
        jwtSecret: secret,
        authorize: ({ claims, topic, action }) => action === 'read' && topic.endsWith(`:${claims.sub}`),
        feeds: { ...source, since },
        limits: { perAddress: false, perAccount: false },
      })
      await server.ready
      proxy = await startChaosProxy(server.port)
    })
    afterEach(async () => {
      await Promise.all(clients.splice(0).map((client) => client.close()))
      await proxy.close()
      await server.close()
      await db.exec('delete from items')
    })
    const listen = async <Row = { readonly n: number }>(user: string, table = 'items'): Promise<Heard<Row>> => {
      const client = createRealtime({
        driver: embedded({ url: `http://127.0.0.1:${proxy.port}/realtime/v1`, WebSocket: WebSocket as never }),
        getToken: () => signTestToken(secret, { sub: user }),
        random: () => 0,
      })
      clients.push(client)
      const heard: Heard<Row> = { rows: [], numbers: [], gaps: 0 }
      client.feed<Row>(
        table,
        user,
        ({ data }) => {
          heard.rows.push(data)
          heard.numbers.push((data as { n: number }).n)
        },
        () => (heard.gaps += 1),
      )
      await expect.poll(() => client.status).toBe('connected')
      return heard
    }
    const blip = async (): Promise<void> => {
      const [client] = clients
      proxy.kill()
      await expect.poll(() => client?.status).toBe('reconnecting')
      await expect.poll(() => client?.status).toBe('connected')
    }
    const insert = (owner: string, n: number): Promise<unknown> =>
      db.query('insert into items (owner, n) values ($1, $2)', [owner, n])

    it('tells a bulk of more rows than anybody remembers once, whatever breaks afterwards', async () => {
      const heard = await listen('a')
      await db.exec(`insert into items (owner, n) select 'a', n from generate_series(1, 12000) as n`)
      await expect.poll(() => heard.numbers.length, { timeout: 20_000 }).toBe(12_000)
      await blip()
      await insert('a', 12_001)
      await blip()
      await insert('a', 12_002)
      await expect.poll(() => heard.numbers.at(-1)).toBe(12_002)
      expect(heard).toMatchObject({ numbers: upTo(12_002), gaps: 0 })
    })

    it('tells its rows once while another transaction stays open for long', async () => {
      if (!db.pool) return
      const long = await db.pool.connect()
      await long.query('begin; create table unrelated (i int)')
      try {
        const heard = await listen('a')
        for (let n = 1; n <= 900; n += 1) await insert('a', n)
        await blip()
        await blip()
        await insert('a', 901)
        await expect.poll(() => heard.numbers.at(-1)).toBe(901)
        expect(heard).toMatchObject({ numbers: upTo(901), gaps: 0 })
      } finally {
        await long.query('rollback')
        long.release()
      }
    })

    it('tells a row of an older transaction that commits between two pages of the history', async () => {
      if (!db.pool) return
      const heard = await listen('a')
      await insert('a', 1)
      await expect.poll(() => heard.numbers).toEqual([1])
      const older = await db.pool.connect()
      await older.query(`begin`)
      await older.query(`insert into items (owner, n) values ('a', 7777)`)
      proxy.refuse(true)
      proxy.kill()
      for (let n = 2; n <= 1300; n += 1) await insert('a', n)
      // The connection breaks behind the first page, and the older one commits before the second.
      let pages = 0
      beforePage = async () => {
        pages += 1
        if (pages !== 2) return
        proxy.kill()
        await older.query('commit')
      }
      proxy.refuse(false)
      try {
        await expect.poll(() => heard.numbers.length, { timeout: 20_000 }).toBe(1301)
      } finally {
        beforePage = async () => undefined
        older.release()
      }
      await insert('a', 1301)
      await expect.poll(() => heard.numbers.at(-1)).toBe(1301)
      expect(heard.numbers.toSorted((one, other) => one - other)).toEqual([...upTo(1301), 7777])
      expect(heard.gaps).toBe(0)
    })

    it('lets a row that can not be told in full cost nobody else anything', async () => {
      const [z, b] = [await listen<{ readonly note: string }>('z'), await listen('b')]
      await db.exec(`alter table items add column if not exists doc jsonb`)
      await db.exec(`
        begin;
        insert into items (owner, n) values ('b', 0);
        insert into items (owner, n, doc) values ('z', 0, (repeat('[', 5000) || repeat(']', 5000))::jsonb);
        insert into items (owner, n, note) values ('z', 1, repeat('x', 3000000));
        insert into items (owner, n) select 'b', n from generate_series(1, 100) as n;
        commit`)
      await expect.poll(() => b.numbers).toEqual(upTo(100, 0))
      await expect.poll(() => z.numbers).toEqual([0, 1])
      expect(z.rows[1]?.note).toHaveLength(3_000_000)
      await blip()
      await insert('b', 101)
      await insert('z', 2)
      await expect.poll(() => b.numbers).toEqual(upTo(101, 0))
      await expect.poll(() => z.numbers).toEqual([0, 1, 2])
      expect([b.gaps, z.gaps]).toEqual([0, 0])
    })

    it('tells numbers that JavaScript can not hold by their digits, and others as numbers', async () => {
      await db.exec(
        `create table if not exists sums (owner text, n int, big bigint, price numeric, part real, doc jsonb)`,
      )
      await db.exec(feedMigration([{ table: 'sums', owner: 'owner' }]))
      const heard = await listen<Record<string, unknown>>('a', 'sums')
      await db.exec(`insert into sums values
        ('a', 1, 9007199254740993, 12345678901234567.89, 0.1, '{"deep": [9223372036854775807, 5, "9007199254740993"]}'),
        ('a', 2, 9007199254740991, 0.1, 0.5, '{"big": 1e400}'), ('a', 3, -9223372036854775808, 1000000000000000000000, 1e-30, null)`)
      await expect.poll(() => heard.numbers).toEqual([1, 2, 3])
      expect(heard.rows).toEqual([
        expect.objectContaining({
          n: 1,
          big: '9007199254740993',
          price: '12345678901234567.89',
          part: 0.1,
          doc: { deep: ['9223372036854775807', 5, '9007199254740993'] },
        }),
        expect.objectContaining({
          n: 2,
          big: 9_007_199_254_740_991,
          price: 0.1,
          part: 0.5,
          doc: { big: `1${'0'.repeat(400)}` },
        }),
        expect.objectContaining({ n: 3, big: '-9223372036854775808', price: 1e21, part: 1e-30 }),
      ])
    })

    it('is of a partitioned table and of no table of the same name elsewhere, and has a gap when it is emptied', async () => {
      await db.exec(`
        create schema if not exists other;
        create table if not exists other.items (owner text, n int);
        create table if not exists parts (owner text, n int, at date) partition by range (at);
        create table if not exists parts_2026 partition of parts for values from ('2026-01-01') to ('2027-01-01');`)
      await db.exec(
        feedMigration([
          { table: 'items', owner: 'owner' },
          { table: 'items', owner: 'owner', schema: 'other' },
          { table: 'parts', owner: 'owner' },
        ]),
      )
      const [items, others, parts] = [await listen('a'), await listen('a', 'other.items'), await listen('a', 'parts')]
      await insert('a', 1)
      await db.exec(`insert into other.items values ('a', 2); insert into parts values ('a', 3, '2026-05-05')`)
      await expect.poll(() => [items.numbers, others.numbers, parts.numbers]).toEqual([[1], [2], [3]])
      await db.exec('truncate parts_2026')
      await expect.poll(() => [items.gaps, others.gaps, parts.gaps]).toEqual([0, 0, 1])
      await db.exec('truncate items')
      await expect.poll(() => [items.gaps, others.gaps, parts.gaps]).toEqual([1, 0, 1])
      await insert('a', 4)
      await expect.poll(() => items.numbers).toEqual([1, 4])
      // Also for whoever was away meanwhile.
      proxy.refuse(true)
      proxy.kill()
      await db.exec('truncate parts')
      proxy.refuse(false)
      await expect.poll(() => parts.gaps, { timeout: 15_000 }).toBe(2)
      await expect.poll(() => clients.map(({ status }) => status)).toEqual(['connected', 'connected', 'connected'])
      expect([items.gaps, others.gaps]).toEqual([1, 0])
    })

    it('is of every owner that an array names', async () => {
      await db.exec(`create table if not exists shared (n int, owners text[])`)
      await db.exec(feedMigration([{ table: 'shared', owner: 'owners' }]))
      const [a, b, c] = [await listen('a', 'shared'), await listen('b', 'shared'), await listen('c', 'shared')]
      await db.exec(`insert into shared values (1, '{a,b}'); update shared set n = 2; update shared set owners = '{b,c}';
        delete from shared`)
      await expect.poll(() => c.numbers).toEqual([2, 2])
      expect([a.numbers, b.numbers]).toEqual([
        [1, 2, 2],
        [1, 2, 2, 2],
      ])
    })
  },
)
