import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { deferred } from '../../base/promises.ts'
import { createRealtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { feedSource } from '../../feed/source.ts'
import { feedMigration } from '../../feed/sql.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { databasePolicies, startRealtimeServer, type Authorize, type StandaloneServer } from '../index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const FEED = 'feed:releases:7'

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'rows of a group on %s',
  (_database, open) => {
    let db: TestDatabase
    let server: StandaloneServer
    let anonKey: string
    /** Called when the policies have answered, before anybody hears of it. */
    let onAnswer = async (): Promise<void> => {}
    const clients: SupabaseClient[] = []
    beforeAll(async () => {
      db = await open()
      anonKey = await signTestToken(secret, { role: 'anon' })
      await db.exec(`create table releases (id bigint generated always as identity primary key, label_id int, n int);
        create table label_members (label_id int, user_id text)`)
      const members = { table: 'label_members', group: 'label_id', user: 'user_id' }
      await db.exec(feedMigration([{ table: 'releases', owner: 'label_id', members }]))
    })
    afterAll(() => db.close())
    beforeEach(async () => {
      onAnswer = async () => {}
      const asked = databasePolicies({ client: db.client })
      const authorize: Authorize = async (question, signal) => {
        const answer = await asked(question, signal)
        await onAnswer()
        return answer
      }
      server = await startRealtimeServer({ jwtSecret: secret, authorize, feeds: feedSource({ client: db.client }) })
      await server.ready
    })
    afterEach(async () => {
      for (const client of clients.splice(0)) {
        await client.removeAllChannels()
        await client.realtime.disconnect()
      }
      await server.close()
      await db.exec('delete from label_members; delete from releases')
    })

    const addMember = (user: string, label = 7): Promise<unknown> =>
      db.query('insert into label_members values ($1, $2)', [label, user])
    const removeMember = (user: string): Promise<unknown> =>
      db.query('delete from label_members where user_id = $1', [user])
    /** Each statement that makes an event, of the group 7. */
    const writeAll = async (): Promise<void> => {
      await db.query('insert into releases (label_id, n) values (7, 1)')
      await db.query('update releases set n = 2 where label_id = 7')
      await db.query('delete from releases where label_id = 7')
    }
    const tokenOf = (sub: string, seconds?: number): Promise<string> => signTestToken(secret, { sub }, seconds)

    interface Listener {
      readonly feed: string
      readonly heard: string[]
      /** What comes on channels of `postgres_changes`, of this table and of all. */
      readonly changed: string[]
      readonly closed: Promise<string>
    }
    const listen = async (token: string): Promise<Listener> => {
      const client = createClient(server.url, anonKey, { accessToken: async () => token })
      clients.push(client)
      await client.realtime.setAuth()
      const heard: string[] = []
      const changed: string[] = []
      const closed = deferred<string>()
      const joined = (channel: ReturnType<SupabaseClient['channel']>): Promise<string> =>
        new Promise((resolve) =>
          channel.subscribe((status, error) => resolve(error ? `${status}: ${error.message}` : status)),
        )
      for (const table of ['releases', '*']) {
        await joined(
          client
            .channel(`changes of ${table}`)
            .on('postgres_changes', { event: '*', schema: 'public', table }, (it) => {
              changed.push(it.eventType)
            }),
        )
      }
      const channel = client
        .channel(FEED, { config: { private: true } })
        .on('broadcast', { event: '*' }, ({ event }) => heard.push(event))
        .on('system', {}, ({ status, message }) => status === 'error' && closed.resolve(message))
      return { feed: await joined(channel), heard, changed, closed: closed.promise }
    }
    const readHistory = async (token: string): Promise<number> => {
      const response = await fetch(`${server.url}/rest/v1/rpc/msc_feed_since`, {
        method: 'POST',
        headers: { apikey: anonKey, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ topic: FEED }),
      })
      await response.body?.cancel()
      return response.status
    }

    it('reach its members alone: every token, way and statement, before and after one of them leaves', async () => {
      for (const user of ['ana', 'ben']) await addMember(user)
      await addMember('cai', 8)
      const strangers = {
        'a member of another group': await tokenOf('cai'),
        'a user of the group’s id': await tokenOf('7'),
        'nobody’s': anonKey,
        'a member’s as anon': await signTestToken(secret, { sub: 'ana', role: 'anon' }),
        'a member’s in another case': await tokenOf('ANA'),
        'a forged one': await signTestToken('another-secret-that-is-long-enough-too-01', { sub: 'ana' }),
        'one that has expired': await tokenOf('ana', -10),
        'one of an odd role': await signTestToken(secret, { sub: 'ana', role: 'postgres' }),
      }
      const [ana, ben] = [await listen(await tokenOf('ana')), await listen(await tokenOf('ben'))]
      expect([ana.feed, ben.feed]).toEqual(['SUBSCRIBED', 'SUBSCRIBED'])
      const others: Listener[] = []
      for (const [who, token] of Object.entries(strangers)) {
        const other = await listen(token)
        others.push(other)
        expect([who, other.feed]).toEqual([who, expect.stringMatching(/^CHANNEL_ERROR/)])
        expect([who, await readHistory(token)]).toEqual([
          who,
          expect.toSatisfy((status) => status === 401 || status === 403),
        ])
      }
      expect(await readHistory(await tokenOf('ana'))).toBe(200)
      await writeAll()
      const all = ['INSERT', 'UPDATE', 'DELETE']
      await expect.poll(() => [ana.heard, ben.heard]).toEqual([all, all])

      await removeMember('ana')
      await writeAll()
      expect(await ana.closed).toMatch(/may not read/)
      await expect.poll(() => ben.heard).toEqual([...all, ...all])
      expect(ana.heard).toEqual(all)
      expect(await readHistory(await tokenOf('ana'))).toBe(403)
      expect((await listen(await tokenOf('ana'))).feed).toMatch(/^CHANNEL_ERROR.*permissions/)
      for (const { heard, changed } of [ana, ben, ...others])
        expect([heard === ana.heard || heard === ben.heard || heard.length === 0, changed]).toEqual([true, []])
    })

    it('come to whoever was added at once, and to the members of a table that was emptied no more', async () => {
      await addMember('ana')
      const ana = await listen(await tokenOf('ana'))
      expect(ana.feed).toBe('SUBSCRIBED')
      await db.exec('truncate label_members')
      expect(await ana.closed).toMatch(/may not read/)
      await addMember('ben')
      const witness = await listen(await tokenOf('ben'))
      await writeAll()
      // The server has handed on what was written before she is back.
      await expect.poll(() => witness.heard).toEqual(['INSERT', 'UPDATE', 'DELETE'])
      await addMember('ana')
      const again = await listen(await tokenOf('ana'))
      expect(again.feed).toBe('SUBSCRIBED')
      await writeAll()
      await expect.poll(() => again.heard).toEqual(['INSERT', 'UPDATE', 'DELETE'])
      expect(ana.heard).toEqual([])
    })

    it.each(['socket', 'event stream'])('are not for whoever is taken out while their %s is let in', async (way) => {
      await addMember('ana')
      const token = await tokenOf('ana')
      const ben = await tokenOf('ben')
      await addMember('ben')
      // A member who is sent away shows that the server has heard of it.
      const witness = await listen(ben)
      let once = true
      onAnswer = async () => {
        if (!once) return
        once = false
        await db.exec('delete from label_members')
        await witness.closed
      }
      if (way === 'event stream') {
        const response = await fetch(`${server.url}/realtime/v1/events?topic=${FEED}`, {
          headers: { authorization: `Bearer ${token}` },
        })
        await response.body?.cancel()
        return expect(response.status).toBe(403)
      }
      const client = createClient(server.url, anonKey, { accessToken: async () => token })
      clients.push(client)
      await client.realtime.setAuth()
      const channel = client.channel(FEED, { config: { private: true } })
      const told = await new Promise<string>((resolve) =>
        channel.subscribe((status, error) => resolve(error?.message ?? status)),
      )
      expect(told).toMatch(/may not read this feed any more/)
    })

    it('are a feed like any other to the client, which goes on where it was when it is a member again', async () => {
      await addMember('ana')
      const onError = vi.fn<() => void>()
      const realtime = createRealtime({
        driver: embedded({ url: `${server.url}/realtime/v1` }),
        getToken: () => tokenOf('ana'),
        onError,
      })
      const heard: unknown[] = []
      const onGap = vi.fn<() => void>()
      realtime.feed<{ n: number }>('releases', '7', ({ type, data }) => void heard.push([type, data.n]), onGap)
      await expect.poll(() => realtime.status).toBe('connected')
      await db.query('insert into releases (label_id, n) values (7, 1)')
      await expect.poll(() => heard).toEqual([['INSERT', 1]])
      await removeMember('ana')
      await db.query('insert into releases (label_id, n) values (7, 2)')
      await expect.poll(() => realtime.status).toBe('reconnecting')
      await expect.poll(() => onError.mock.calls.length).toBeGreaterThan(0)
      expect(heard).toEqual([['INSERT', 1]])
      await addMember('ana')
      // As members may read what was written while they were none.
      await expect
        .poll(() => heard, { timeout: 8000 })
        .toEqual([
          ['INSERT', 1],
          ['INSERT', 2],
        ])
      expect(onGap).not.toHaveBeenCalled()
      await realtime.close()
    })
  },
)
