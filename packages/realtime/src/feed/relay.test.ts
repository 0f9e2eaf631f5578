import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createRealtime } from '../create-realtime.ts'
import type { OutgoingMessage } from '../driver.ts'
import { embedded } from '../drivers/embedded.ts'
import { supabase } from '../drivers/supabase.ts'
import { deferred } from '../base/promises.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { quietClient } from '../testing/quiet-client.ts'
import { signTestToken } from '../testing/tokens.ts'
import { relayFeeds, type Relay } from './relay.ts'
import { feedSource, type FeedSourceOptions } from './source.ts'
import { feedMigration } from './sql.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const tables = [{ table: 'items', owner: 'owner' }]
/** As far as the triggers know Supabase: what its own function is handed is written down. */
const SUPABASE = `
  create table realtime.subscription ();
  create table realtime.sent (n int generated always as identity, payload jsonb, event text, topic text);
  create or replace function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void language sql as
    'insert into realtime.sent (payload, event, topic) values ($1, $2, $3)';`

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'a relay on %s',
  (_name, open) => {
    let db: TestDatabase
    const closing: (() => Promise<unknown>)[] = []
    beforeAll(async () => {
      db = await open()
      await db.exec(SUPABASE)
    })
    afterAll(() => db.close())
    afterEach(async () => {
      for (const close of closing.splice(0).toReversed()) await close()
      await db.exec('delete from items; delete from realtime.sent')
      await db.exec('delete from msc_feed.events; update msc_feed.delivery set relayed = null')
    })
    const insert = (owner: string, n: number, note = ''): Promise<unknown> =>
      db.query('insert into items (owner, n, note) values ($1, $2, $3)', [owner, n, note])
    const sent = async (): Promise<number> => (await db.query('select 1 from realtime.sent')).length
    const relay = async (
      publish: (messages: readonly OutgoingMessage[]) => Promise<void>,
      options: Partial<FeedSourceOptions> = {},
    ): Promise<Relay> => {
      const started = await relayFeeds({
        feeds: feedSource({ client: db.client, ...options }),
        client: db.client,
        driver: { name: 'fake', publish },
        onError: () => undefined,
      })
      closing.push(() => started.close())
      return started
    }

    it('is alone in sending, or the database is, as the migration says', async () => {
      await insert('a', 1)
      expect(await sent()).toBe(1)
      await db.exec(feedMigration(tables, { deliver: 'relay' }))
      await insert('a', 2)
      expect(await sent()).toBe(1)
      expect(await db.query('select 1 from msc_feed.events')).toHaveLength(2)
      await db.exec(feedMigration(tables))
      await insert('a', 3)
      expect(await sent()).toBe(2)
      expect(() => feedMigration(tables, { deliver: 'nobody' as never })).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID' }),
      )
    })

    it('sends each after its `before`, stamped as the database would, and of a large one that it is there', async () => {
      await db.exec(feedMigration(tables, { deliver: 'relay' }))
      const settled = new Set<unknown>()
      const heard: [payload: OutgoingMessage['payload'], settled: boolean][] = []
      await relay(
        async (messages) => {
          for (const { payload } of messages) {
            const { id } = (payload as { _msc: { id?: string } })._msc
            heard.push([payload, id === undefined || settled.has(id)])
          }
        },
        {
          async before({ id }) {
            await new Promise((resolve) => setTimeout(resolve, 5))
            settled.add(id)
          },
        },
      )
      await insert('a', 1)
      await insert('a', 2, 'x'.repeat(300_000))
      await insert('b', 3)
      await expect.poll(() => heard.length).toBe(3)
      expect(heard.every(([, isSettled]) => isSettled)).toBe(true)
      const stamp = {
        id: expect.stringMatching(/^f\d+$/),
        cursor: expect.stringMatching(/^[\da-f-]{36}:\d+:\d+:[\d,]*\+\d+\.\d+$/),
      }
      expect(heard.map(([payload]) => payload)).toContainEqual({ _msc: { more: true } })
      expect(heard[0]?.[0]).toMatchObject({ operation: 'INSERT', record: { n: 1 }, _msc: stamp })
    })

    it('tells topics of which nothing is left of what it missed, and those of a table that was emptied, once that there is more', async () => {
      await db.exec(feedMigration(tables, { deliver: 'relay' }))
      const told: string[] = []
      const publish = async (messages: readonly OutgoingMessage[]): Promise<void> =>
        void told.push(...messages.map(({ topic, event }) => `${event} ${topic}`))
      const prune = async (): Promise<void> => {
        await db.query(`update msc_feed.events set inserted_at = now() - interval '4 days'`)
        await db.query(`select msc_feed.prune('3 days', 10000)`)
      }
      const quiet = quietClient(db)
      const first = await relay(publish, { client: quiet.client })
      await insert('before', 1)
      await expect.poll(() => told).toEqual(['INSERT feed:items:before'])
      await prune()
      // While its database does not answer, and while it is away.
      await quiet.hold()
      await insert('a', 1)
      await prune()
      quiet.answer()
      await expect.poll(() => told).toContain('more feed:items:a')
      await first.close()
      told.length = 0
      await insert('b', 1)
      await prune()
      const second = await relay(publish)
      expect(told.filter((each) => each === 'more feed:items:b')).toHaveLength(1)
      await second.close()
      told.length = 0
      await db.exec('truncate items')
      await prune()
      await relay(publish)
      for (const owner of ['before', 'a', 'b']) expect(told).toContain(`more feed:items:${owner}`)
    })

    it('brings clients everything once, though it is away and refused meanwhile', async () => {
      await db.exec(feedMigration(tables, { deliver: 'relay' }))
      // Stands in for Supabase: it has the history, and nothing of its own to say.
      const history = feedSource({ client: db.client })
      const server: StandaloneServer = await startRealtimeServer({
        jwtSecret: secret,
        authorize: ({ claims, topic }) => topic === `feed:items:${claims.sub}`,
        feeds: { ...history, start: async () => undefined },
      })
      closing.push(() => server.close())
      const driver = supabase({
        url: server.url,
        anonKey: await signTestToken(secret, { role: 'anon' }),
        serviceRoleKey: await signTestToken(secret, { role: 'service_role' }),
      })
      closing.push(() => driver.close())
      const client = createRealtime({
        driver: embedded({ url: `${server.url}/realtime/v1` }),
        getToken: () => signTestToken(secret, { sub: 'a' }),
        random: () => 0,
      })
      closing.push(() => client.close())
      const heard: number[] = []
      let gaps = 0
      const live = deferred<void>()
      client.feed<{ n: number }>('items', 'a', {
        snapshot: async () => [],
        onSnapshot: () => live.resolve(),
        onChange: ({ data }) => void heard.push(data.n),
        onGap: () => void (gaps += 1),
      })
      await live.promise
      let refuses = false
      const publish = async (messages: readonly OutgoingMessage[]): Promise<void> => {
        if (refuses) throw new Error('429')
        await driver.publish?.(messages, new AbortController().signal)
      }
      const first = await relay(publish)
      for (let n = 0; n < 5; n++) await insert('a', n)
      await expect.poll(() => heard).toEqual([0, 1, 2, 3, 4])
      refuses = true
      for (let n = 5; n < 10; n++) await insert('a', n)
      refuses = false
      await insert('a', 10)
      await expect.poll(() => heard, { timeout: 10_000 }).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      await first.close()
      // Nobody relays now; the next one finds in the database where the last one was.
      for (let n = 11; n < 15; n++) await insert('a', n)
      await relay(publish)
      await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(15)
      expect(heard).toEqual(Array.from({ length: 15 }, (_, n) => n))
      expect(gaps).toBe(0)
    })
  },
)
