import { createClient, type RealtimeChannel, type SupabaseClient } from '@supabase/supabase-js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { feedSource } from '../../feed/source.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { databasePolicies, startRealtimeServer, type StandaloneServer } from '../index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
type Heard = [type: string, n: unknown]

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'rows on %s',
  (_database, open) => {
    let db: TestDatabase
    let server: StandaloneServer
    let anonKey: string
    const clients: SupabaseClient[] = []
    beforeAll(async () => {
      db = await open()
      anonKey = await signTestToken(secret, { role: 'anon' })
    })
    afterAll(() => db.close())
    beforeEach(async () => {
      server = await startRealtimeServer({
        jwtSecret: secret,
        // What the feeds' migration says, and nothing else.
        authorize: databasePolicies({ client: db.client }),
        feeds: feedSource({ client: db.client }),
      })
      await server.ready
    })
    afterEach(async () => {
      for (const client of clients.splice(0)) {
        await client.removeAllChannels()
        await client.realtime.disconnect()
      }
      await server.close()
      await db.exec('delete from items')
    })

    const insert = (owner: string, n: number, note = ''): Promise<unknown> =>
      db.query('insert into items (owner, n, note) values ($1, $2, $3)', [owner, n, note])
    const connect = (token: string, vsn: '1.0.0' | '2.0.0' = '2.0.0'): SupabaseClient => {
      const client = createClient(server.url, anonKey, {
        accessToken: async () => token,
        realtime: { vsn } as never,
      })
      clients.push(client)
      return client
    }
    const tokenOf = (sub: string, seconds?: number): Promise<string> => signTestToken(secret, { sub }, seconds)
    /** Resolves with the first status, and the reason of a refusal. */
    const joined = async (client: SupabaseClient, channel: RealtimeChannel): Promise<string> => {
      await client.realtime.setAuth()
      return new Promise((resolve) =>
        channel.subscribe((status, error) => resolve(error ? `${status}: ${error.message}` : status)),
      )
    }

    it('that are too large to be sent are told without their columns, to whoever wants to hear of them', async () => {
      const client = connect(await tokenOf('a'))
      const heard: unknown[] = []
      const others: unknown[] = []
      const on = { schema: 'public', table: 'items' }
      const channel = client
        .channel('rows')
        .on('postgres_changes', { event: 'INSERT', ...on }, (change) => heard.push(change))
        .on('postgres_changes', { event: 'DELETE', ...on }, (change) => others.push(change))
        .on('postgres_changes', { event: '*', schema: 'public', table: 'others' }, (change) => others.push(change))
      expect(await joined(client, channel)).toBe('SUBSCRIBED')
      await insert('b', 1, 'x'.repeat(1_200_000))
      await insert('a', 2, 'x'.repeat(1_200_000))
      await insert('a', 3)
      await expect.poll(() => heard).toHaveLength(2)
      expect(heard).toEqual([
        expect.objectContaining({ ...on, eventType: 'INSERT', new: {}, errors: ['Error 413: Payload Too Large'] }),
        expect.objectContaining({ ...on, new: expect.objectContaining({ n: 3 }), errors: null }),
      ])
      expect(others).toEqual([])
    })

    describe.each(['1.0.0', '2.0.0'] as const)('the real SDK, protocol %s', (version) => {
      it('hears of changes of its rows: by event, table and filter, and of some columns alone', async () => {
        const client = connect(await tokenOf('a'), version)
        const heard: Record<string, Heard[]> = { all: [], large: [], deleted: [], elsewhere: [] }
        const selected: unknown[] = []
        const system: unknown[] = []
        const on = { schema: 'public', table: 'items' }
        const channel = client
          .channel('rows')
          .on('postgres_changes', { event: '*', schema: 'public' }, (change) => {
            const { n } = (change.eventType === 'DELETE' ? change.old : change.new) as { n: number }
            heard['all']?.push([change.eventType, n])
            expect(change).toMatchObject({ table: 'items', schema: 'public', errors: null })
            expect(Date.parse(change.commit_timestamp)).toBeGreaterThan(Date.now() - 60_000)
          })
          .on('postgres_changes', { event: 'INSERT', ...on, filter: 'n=gt.10,note=like.%ok' }, ({ new: { n } }) => {
            heard['large']?.push(['INSERT', n])
          })
          .on('postgres_changes', { event: 'DELETE', ...on, filter: 'n=eq.20' }, ({ old }) => {
            heard['deleted']?.push(['DELETE', (old as { n: number }).n])
          })
          .on('postgres_changes', { event: '*', schema: 'public', table: 'others' }, () => {
            heard['elsewhere']?.push(['?', 0])
          })
          .on('postgres_changes', { event: 'INSERT', ...on, select: ['n'] }, (change) => {
            selected.push(change.new)
          })
          .on('system', {}, (payload) => system.push(payload))
        expect(await joined(client, channel)).toBe('SUBSCRIBED')
        await expect
          .poll(() => system)
          .toContainEqual(expect.objectContaining({ extension: 'postgres_changes', status: 'ok', channel: 'rows' }))
        await insert('a', 1)
        await insert('b', 2)
        await insert('a', 20, 'is ok')
        await insert('a', 30, 'is not')
        await db.query(`update items set n = 2 where n = 1`)
        await db.query(`delete from items where owner = 'a' and n >= 20`)
        await expect.poll(() => heard['all']?.length).toBe(6)
        expect(heard).toEqual({
          all: [
            ['INSERT', 1],
            ['INSERT', 20],
            ['INSERT', 30],
            ['UPDATE', 2],
            ['DELETE', 20],
            ['DELETE', 30],
          ],
          large: [['INSERT', 20]],
          deleted: [['DELETE', 20]],
          elsewhere: [],
        })
        expect(selected).toEqual([{ n: 1 }, { n: 20 }, { n: 30 }])
      })

      it('is told again what the database has sent, the latest 25 at most', async () => {
        const since = Date.now() - 1000
        for (let n = 1; n <= 30; n++) await insert('a', n)
        const client = connect(await tokenOf('a'), version)
        const heard: [n: number, replayed: boolean, id: string][] = []
        const channel = client
          .channel('feed:items:a', { config: { private: true, broadcast: { replay: { since, limit: 25 } } } })
          .on('broadcast', { event: 'INSERT' }, ({ payload, meta }) => {
            heard.push([(payload as { record: { n: number } }).record.n, meta?.replayed === true, typeof meta?.id])
          })
        expect(await joined(client, channel)).toBe('SUBSCRIBED')
        // What the server is still handing on comes live as well.
        const replayed = () => heard.filter(([, isReplayed]) => isReplayed)
        await expect.poll(() => replayed().length).toBe(25)
        await insert('a', 31)
        await expect.poll(() => heard.at(-1)).toEqual([31, false, 'string'])
        expect(replayed()).toEqual(Array.from({ length: 25 }, (_, index) => [index + 6, true, 'string']))
      })
    })

    describe('what is refused', () => {
      const changes = (client: SupabaseClient, filter?: string, heard = vi.fn()): RealtimeChannel =>
        client
          .channel('rows')
          .on('postgres_changes', { event: '*', schema: 'public', table: 'items', ...(filter && { filter }) }, heard)

      it('says what is wrong with a filter and with a replay', async () => {
        const client = connect(await tokenOf('a'))
        expect(await joined(client, changes(client, 'n=about.1'))).toMatch(/CHANNEL_ERROR: .*no operator/)
        for (const replay of [{ since: 0, limit: 26 }, { since: -1 }, { since: 'yesterday' as never }]) {
          const channel = client.channel('feed:items:a', { config: { private: true, broadcast: { replay } } })
          expect(await joined(client, channel)).toMatch(/UnableToReplayMessages/)
          await client.removeChannel(channel)
        }
      })

      it('never tells B or nobody of A’s insert, update or delete, nor lets them into A’s feed', async () => {
        const heard: unknown[] = []
        const listen = async (token: string): Promise<string[]> => {
          const client = connect(token)
          const rows = changes(
            client,
            undefined,
            vi.fn((change) => heard.push(change)),
          )
          const feed = client.channel('feed:items:a', { config: { private: true } })
          feed.on('broadcast', { event: '*' }, (message) => heard.push(message))
          return [await joined(client, rows), await joined(client, feed)]
        }
        const forged = await signTestToken('another-secret-that-is-long-enough-too-01', { sub: 'a' })
        const unsigned = `${btoa('{"alg":"none"}')}.${btoa(JSON.stringify({ sub: 'a', role: 'authenticated', exp: 4e9 }))}.`
        const refused = /^CHANNEL_ERROR: .*(Unauthorized|InvalidJWTToken)/
        const b = await listen(await tokenOf('b'))
        // B may hear of rows, its own.
        expect(b).toEqual(['SUBSCRIBED', expect.stringMatching(refused)])
        for (const token of [anonKey, forged, unsigned, await tokenOf('a', -10)]) {
          expect(await listen(token)).toEqual([expect.stringMatching(refused), expect.stringMatching(refused)])
        }
        const own: Heard[] = []
        const owner = connect(await tokenOf('a'))
        const channel = changes(
          owner,
          undefined,
          vi.fn((change: { eventType: string }) => own.push([change.eventType, 0])),
        )
        expect(await joined(owner, channel)).toBe('SUBSCRIBED')
        await insert('a', 1)
        await db.query('update items set n = 2')
        await db.query('delete from items')
        await expect.poll(() => own.map(([type]) => type)).toEqual(['INSERT', 'UPDATE', 'DELETE'])
        expect(heard).toEqual([])
      })

      it('goes by the token of each channel, and follows it when it is swapped', async () => {
        let token = await tokenOf('a')
        const client = createClient(server.url, anonKey, { accessToken: async () => token })
        clients.push(client)
        const heard: unknown[] = []
        const rows = changes(
          client,
          undefined,
          vi.fn((change: { new: { n: number } }) => heard.push(change.new.n)),
        )
        expect(await joined(client, rows)).toBe('SUBSCRIBED')
        const feed = client.channel('feed:items:a', { config: { private: true } })
        const lost = new Promise<void>((resolve) => {
          feed.on('system', {}, ({ status, message }) => {
            if (status === 'error' && /permissions/.test(message)) resolve()
          })
        })
        feed.on('broadcast', { event: '*' }, ({ payload }) => {
          heard.push(['feed', (payload as { record: { n: number } }).record.n])
        })
        expect(await joined(client, feed)).toBe('SUBSCRIBED')
        await insert('a', 1)
        await expect.poll(() => heard).toEqual([['feed', 1], 1])
        token = await tokenOf('b')
        await client.realtime.setAuth()
        // A's feed is closed to it, and of rows it hears B's from now on.
        await lost
        await insert('a', 2)
        await insert('b', 3)
        await expect.poll(() => heard).toEqual([['feed', 1], 1, 3])
      })
    })
  },
)
