import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { deferred } from '../base/promises.ts'
import { feedSource } from '../feed/source.ts'
import { feedMigration } from '../feed/sql.ts'
import { quietClient, type QuietClient } from '../testing/quiet-client.ts'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { databasePolicies, startRealtimeServer, type Authorize, type StandaloneServer } from './index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const FEED = 'realtime:feed:releases:7'
const ROOM = 'realtime:room:1'

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'after an outage of which something is gone, on %s',
  (_name, open) => {
    let db: TestDatabase
    let quiet: QuietClient
    let server: StandaloneServer
    /** Called when the policies have answered, before anybody hears of it. */
    let onAnswer = async (): Promise<void> => {}
    beforeAll(async () => {
      db = await open()
      await db.exec(`create table releases (id bigint generated always as identity primary key, label_id int, n int);
        create table label_members (label_id int, user_id text)`)
      const members = { table: 'label_members', group: 'label_id', user: 'user_id' }
      const releases = { table: 'releases', owner: 'label_id', members }
      await db.exec(feedMigration([releases, { table: 'items', owner: 'owner' }]))
    })
    afterAll(() => db.close())
    afterEach(async () => {
      onAnswer = async () => {}
      quiet.answer()
      await server.close()
      await db.exec('truncate label_members; delete from releases; delete from items; delete from msc_feed.events')
    })

    const start = async (mode: 'polling' | 'listening' = 'polling'): Promise<void> => {
      quiet = quietClient(db, mode)
      const asked = databasePolicies({ client: db.client })
      const authorize: Authorize = async (question, signal) => {
        const answer = await asked(question, signal)
        await onAnswer()
        return answer
      }
      server = await startRealtimeServer({
        jwtSecret: secret,
        authorize,
        feeds: feedSource({ client: quiet.client, onError: () => undefined }),
        history: [{ topics: 'room:*' }],
      })
      await server.ready
      await db.query(`insert into label_members values (7, 'ana'), (7, 'bo')`)
    }
    const connect = async (sub: string): Promise<RawSocket> => openRaw(server.url, await signTestToken(secret, { sub }))
    const join = async (raw: RawSocket, topic: string, config: object = { private: true }): Promise<string> => {
      const { status, response } = await raw.ask(topic, 'phx_join', { config })
      return response.reason ?? status
    }
    /** Writes what nobody will ever read, and then something else. */
    const lose = async (lost: string, left: string): Promise<void> => {
      await quiet.hold()
      await db.exec(lost)
      await db.query(`update msc_feed.events set inserted_at = now() - interval '2 hours'`)
      await db.query(`select msc_feed.prune('1 hour', 10000)`)
      await db.exec(left)
      quiet.answer()
    }
    const REMOVAL = `delete from label_members where user_id = 'ana'`
    const RELEASE = 'insert into releases (label_id, n) values (7, 1)'
    const message = (n: number): string => `select msc_feed.publish('room:1', 'note', '{"n":${n}}', false)`
    const heardBy = (raw: RawSocket): unknown[] =>
      raw.heard.map(([, event, payload]) => {
        const { payload: said, data } = payload as {
          readonly payload?: { readonly n?: number; readonly record?: { readonly n: number } }
          readonly data?: { readonly record: { readonly n: number } }
        }
        return [event, said?.n ?? said?.record?.n ?? data?.record.n].filter((part) => part !== undefined).join(' ')
      })

    it('nobody stays in a feed unasked: whoever was taken out hears nothing more and can not come back', async () => {
      await start()
      const [ana, bo] = [await connect('ana'), await connect('bo')]
      for (const raw of [ana, bo]) expect(await join(raw, FEED)).toBe('ok')
      await lose(REMOVAL, RELEASE)
      for (const raw of [ana, bo]) await expect.poll(() => heardBy(raw)).toEqual(['phx_error'])
      expect(await join(bo, FEED)).toBe('ok')
      expect(await ana.ask(FEED, 'msc_since', {})).toMatchObject({ status: 'error' })
      expect(await join(ana, FEED)).toMatch(/do not have permissions/)
      await db.exec(RELEASE)
      await expect.poll(() => heardBy(bo)).toEqual(['phx_error', 'broadcast 1'])
      expect(heardBy(ana)).toEqual(['phx_error'])
    })

    it('nobody reads the history of a feed whose removal this server has not heard of', async () => {
      await start('listening')
      const ana = await connect('ana')
      expect(await join(ana, FEED)).toBe('ok')
      const { response } = await ana.ask(FEED, 'msc_since', {})
      const after = (response as { readonly cursor?: string }).cursor
      await db.exec(REMOVAL)
      await db.exec(RELEASE)
      const answer = await ana.ask(FEED, 'msc_since', { after })
      expect([answer.status, JSON.stringify(answer)]).toEqual(['error', expect.not.stringContaining('record')])
    })

    it('whoever is just being let in is asked again', async () => {
      await start()
      const ana = await connect('ana')
      const isAsked = deferred<void>()
      const isTold = deferred<void>()
      onAnswer = async () => {
        isAsked.resolve()
        await isTold.promise
      }
      const joining = join(ana, FEED)
      await isAsked.promise
      const bo = await connect('bo')
      await bo.ask(ROOM, 'phx_join', { config: {} })
      await lose(REMOVAL, RELEASE)
      await expect.poll(() => heardBy(bo)).toEqual(['phx_error'])
      isTold.resolve()
      expect(await joining).toMatch(/can not be said now/)
      expect(await join(ana, FEED)).toMatch(/do not have permissions/)
    })

    it('a plain stream of a feed ends, so that its reader comes back', async () => {
      await start()
      const authorization = `Bearer ${await signTestToken(secret, { sub: 'ana' })}`
      const url = `${server.url}/realtime/v1/events?topic=feed:releases:7`
      const stream = await fetch(url, { headers: { authorization } })
      expect(stream.status).toBe(200)
      const ended = stream.text()
      await lose(REMOVAL, RELEASE)
      expect(await ended).not.toContain('INSERT')
      expect((await fetch(url, { headers: { authorization } })).status).toBe(403)
    })

    it('members of a channel that is kept are told before they hear of what came later, and read a gap', async () => {
      await start()
      const bo = await connect('bo')
      expect(await join(bo, ROOM, {})).toBe('ok')
      const { response } = await bo.ask(ROOM, 'msc_since', {})
      const after = (response as { readonly cursor?: string }).cursor
      await lose(message(1), message(2))
      await expect.poll(() => heardBy(bo)).toEqual(['phx_error', 'broadcast 2'])
      expect(await join(bo, ROOM, {})).toBe('ok')
      expect(await bo.ask(ROOM, 'msc_since', { after })).toMatchObject({ response: { gap: true } })
    })

    it('subscribers of changes of rows are told, upon which the SDK joins again', async () => {
      await start()
      const ana = await connect('ana')
      const wish = { event: '*', schema: 'public', table: 'items' }
      expect(await join(ana, 'realtime:rows', { postgres_changes: [wish] })).toBe('ok')
      const insert = (n: number): string => `insert into items (owner, n) values ('ana', ${n})`
      await lose(insert(1), insert(2))
      await expect.poll(() => heardBy(ana)).toEqual(['system', 'phx_error', 'postgres_changes 2'])
    })
  },
)
