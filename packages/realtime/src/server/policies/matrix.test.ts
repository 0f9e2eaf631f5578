import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { feedSource } from '../../feed/source.ts'
import { feedMigration } from '../../feed/sql.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { databasePolicies, startRealtimeServer, type StandaloneServer } from '../index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const PEOPLE = ['ana', 'ben'] as const
/** Each way in which a table says who may read a row, with the feeds that it has for the two of them. */
const TABLES = {
  single: { ana: 'feed:single:ana', ben: 'feed:single:ben' },
  shared: { ana: 'feed:shared:ana', ben: 'feed:shared:ben' },
  grouped: { ana: 'feed:grouped:g-ana', ben: 'feed:grouped:g-ben' },
} as const
const TOPICS = Object.values(TABLES).flatMap((feeds) => Object.values(feeds))
const readerOf = (topic: string): string => topic.replace(/^.*[:-]/, '')

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

/** Any claims, which no library would sign. */
function signed(claims: object): string {
  const content = `${base64({ alg: 'HS256', typ: 'JWT' })}.${base64(claims)}`
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}

/** Tokens by what they are, with the user that they are of, as far as they should be believed. */
async function tokensOf(person: string): Promise<readonly (readonly [kind: string, token: string, reads?: string])[]> {
  const good = await signTestToken(secret, { sub: person })
  const [head, , signature] = good.split('.')
  return [
    ['good', good, person],
    ['of a session', await signTestToken(secret, { sub: person, session_id: `s-${person}` }), person],
    ['as anon', await signTestToken(secret, { sub: person, role: 'anon' })],
    // Those of other users, who have no rows.
    ['in another case', await signTestToken(secret, { sub: person.toUpperCase() }), person.toUpperCase()],
    ['with a space', await signTestToken(secret, { sub: `${person} ` }), `${person} `],
    ['of an odd role', await signTestToken(secret, { sub: person, role: 'postgres' })],
    ['without a sub', await signTestToken(secret, {})],
    ['of the group’s id', await signTestToken(secret, { sub: `g-${person}` }), `g-${person}`],
    ['expired', await signTestToken(secret, { sub: person }, -10)],
    ['forged', await signTestToken('another-secret-that-is-long-enough-too-01', { sub: person })],
    ['unsigned', `${base64({ alg: 'none', typ: 'JWT' })}.${good.split('.')[1]}.`],
    ['rewritten', `${head}.${base64({ ...claimsOf(good), role: 'service_role' })}.${signature}`],
    ['with a list as sub', signed({ ...claimsOf(good), sub: [person] })],
  ]
}

interface Reader {
  readonly what: string
  readonly topic: string
  /** What it may hear, by the model. */
  readonly reads: string | undefined
  readonly heard: () => readonly string[]
}

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'who hears what on %s',
  (_database, open) => {
    let db: TestDatabase
    let server: StandaloneServer
    let anonKey: string
    const ending: (() => void)[] = []
    beforeAll(async () => {
      db = await open()
      anonKey = await signTestToken(secret, { role: 'anon' })
      await db.exec(`create table single (owner text, n int); create table shared (owners text[], n int);
        create table grouped (label text, n int); create table label_members (label text, member text);
        insert into label_members values ('g-ana', 'ana'), ('g-ben', 'ben')`)
      await db.exec(
        feedMigration([
          { table: 'single', owner: 'owner' },
          { table: 'shared', owner: 'owners' },
          {
            table: 'grouped',
            owner: 'label',
            members: { table: 'label_members', group: 'label', user: 'member' },
          },
        ]),
      )
      server = await startRealtimeServer({
        jwtSecret: secret,
        authorize: databasePolicies({ client: db.client }),
        feeds: feedSource({ client: db.client }),
        limits: { perAccount: false, perAddress: false, topics: 1000 },
      })
      await server.ready
    })
    afterAll(async () => {
      for (const end of ending) end()
      await server.close()
      await db.close()
    })

    const headers = (token: string): Record<string, string> => ({ apikey: anonKey, authorization: `Bearer ${token}` })
    const eventsOf = (socket: RawSocket, topic: string): readonly string[] =>
      socket.heard.flatMap(([from, event, payload]) => {
        const said = Object(payload) as { readonly event?: unknown; readonly data?: { readonly type?: unknown } }
        if (from !== `realtime:${topic}`) return []
        if (event === 'broadcast') return [String(said.event)]
        return event === 'postgres_changes' ? [String(said.data?.type)] : []
      })
    /** Each door, by how it is knocked at; `undefined` where nobody is let in. */
    const doors: Record<string, (token: string, topic: string) => Promise<(() => readonly string[]) | undefined>> = {
      async 'a socket of its token'(token, topic) {
        const socket = await openRaw(server.url, token).catch(() => undefined)
        if (!socket) return undefined
        ending.push(() => socket.socket.terminate())
        const { status } = await socket.ask(`realtime:${topic}`, 'phx_join', { config: { private: true } })
        return status === 'ok' ? () => eventsOf(socket, topic) : undefined
      },
      async 'a token at the join'(token, topic) {
        const socket = await openRaw(server.url, anonKey)
        ending.push(() => socket.socket.terminate())
        const join = { config: { private: true }, access_token: token }
        const { status } = await socket.ask(`realtime:${topic}`, 'phx_join', join)
        return status === 'ok' ? () => eventsOf(socket, topic) : undefined
      },
      async 'changes of the table'(token, topic) {
        const socket = await openRaw(server.url, anonKey)
        ending.push(() => socket.socket.terminate())
        const change = { event: '*', schema: 'public', table: topic.split(':')[1] }
        const { status } = await socket.ask('realtime:changes', 'phx_join', {
          config: { postgres_changes: [change] },
          access_token: token,
        })
        return status === 'ok' ? () => eventsOf(socket, 'changes') : undefined
      },
      async 'an event stream'(token, topic) {
        const response = await fetch(`${server.url}/realtime/v1/events?topic=${topic}`, { headers: headers(token) })
        if (!response.ok) return void (await response.body?.cancel())
        const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
        let text = ''
        const read = async (): Promise<void> => {
          for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) text += part.value
        }
        void read().catch(() => undefined)
        ending.push(() => void reader?.cancel().catch(() => undefined))
        return () =>
          [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, data]) =>
            String((JSON.parse(String(data)) as { event: unknown }).event),
          )
      },
    }
    const readsHistory = async (token: string, topic: string): Promise<boolean> => {
      const response = await fetch(`${server.url}/rest/v1/rpc/msc_feed_since`, {
        method: 'POST',
        headers: { ...headers(token), 'content-type': 'application/json' },
        body: JSON.stringify({ topic }),
      })
      await response.body?.cancel()
      return response.ok
    }
    /** A join that is not private is of another room. */
    const joinPublicly = async (token: string, topic: string): Promise<Reader | undefined> => {
      const socket = await openRaw(server.url, token).catch(() => undefined)
      if (!socket) return undefined
      ending.push(() => socket.socket.terminate())
      await socket.ask(`realtime:${topic}`, 'phx_join', { config: { private: false } })
      return { what: 'publicly', topic, reads: undefined, heard: () => eventsOf(socket, topic) }
    }

    /** Each statement of each table, with what each feed is told. */
    const writeAll = async (): Promise<Record<string, string[]>> => {
      await db.exec(`
        insert into single values ('ana', 1), ('ben', 1); update single set n = 2;
        update single set owner = 'ben' where owner = 'ana'; delete from single;
        insert into shared values ('{ana}', 1), ('{ana,ben}', 1), ('{ben}', 1); update shared set n = 2;
        update shared set owners = '{ben}' where owners = '{ana}'; delete from shared;
        insert into grouped values ('g-ana', 1), ('g-ben', 1); update grouped set n = 2;
        update grouped set label = 'g-ben' where label = 'g-ana'; delete from grouped`)
      const counts = (list: string): string[] => list.split(' ')
      return {
        'feed:single:ana': counts('INSERT UPDATE DELETE'),
        'feed:single:ben': counts('INSERT UPDATE INSERT DELETE DELETE'),
        'feed:shared:ana': counts('INSERT INSERT UPDATE UPDATE DELETE DELETE'),
        'feed:shared:ben': counts('INSERT INSERT UPDATE UPDATE INSERT DELETE DELETE DELETE'),
        'feed:grouped:g-ana': counts('INSERT UPDATE DELETE'),
        'feed:grouped:g-ben': counts('INSERT UPDATE INSERT DELETE DELETE'),
      }
    }
    const kindsOf = (events: readonly string[]): Record<string, number> => {
      const sums: Record<string, number> = {}
      for (const event of events) sums[event] = (sums[event] ?? 0) + 1
      return sums
    }

    it('is as the tables say: every token at every door, for every statement', { timeout: 120_000 }, async () => {
      const readers: Reader[] = []
      const problems: string[] = []
      for (const person of PEOPLE) {
        const all: (readonly [string, string, string?])[] = [...(await tokensOf(person))]
        if (person === 'ana') all.push(['nobody’s', anonKey])
        for (const [kind, token, reads] of all) {
          for (const topic of TOPICS) {
            const may = reads === readerOf(topic)
            for (const [door, knock] of Object.entries(doors)) {
              const what = `${person}: ${kind} at ${door} of ${topic}`
              const heard = await knock(token, topic)
              // Changes are of the rows that the token's user has, whichever feed they are in; those of a group are in feeds alone.
              const isOfChanges = door === 'changes of the table'
              const isLet = isOfChanges ? reads !== undefined && !topic.startsWith('feed:grouped') : may
              if ((heard !== undefined) !== isLet) problems.push(`${what}: ${heard ? 'let in' : 'refused'}`)
              if (heard)
                readers.push({
                  what,
                  topic: isOfChanges && reads ? topic.replace(/[^:]*$/, reads) : topic,
                  reads,
                  heard,
                })
            }
            if ((await readsHistory(token, topic)) !== may) problems.push(`${person}: ${kind}, history of ${topic}`)
            const publicly = await joinPublicly(token, topic)
            if (publicly) readers.push(publicly)
          }
        }
      }
      expect(problems).toEqual([])
      const told = await writeAll()
      for (const { what, topic, reads, heard } of readers) {
        const expected = reads === undefined ? {} : kindsOf(told[topic] ?? [])
        await expect.poll(() => [what, kindsOf(heard())]).toEqual([what, expected])
      }
      const before = readers.map(({ heard }) => heard().length)

      // Signed out: within a second, at every door, whatever token of hers it is.
      const from = performance.now()
      server.revoke({ sub: 'ana' })
      for (const [kind, token, reads] of await tokensOf('ana')) {
        if (reads !== 'ana') continue
        // The revocation is by the second in which a token was issued.
        for (const topic of TOPICS.filter((each) => readerOf(each) === 'ana')) {
          for (const [door, knock] of Object.entries(doors)) {
            expect([kind, door, await knock(token, topic)]).toEqual([kind, door, undefined])
          }
          expect([kind, await readsHistory(token, topic)]).toEqual([kind, false])
        }
      }
      console.log(`Every door refuses her after ${(performance.now() - from).toFixed(0)} ms`)
      const again = await writeAll()
      for (const [index, { what, topic, reads, heard }] of readers.entries()) {
        const more = reads === 'ben' ? (again[topic] ?? []).length : 0
        await expect.poll(() => [what, heard().length - (before[index] ?? 0)]).toEqual([what, more])
      }
    })

    it('changes with the user of a connection, at once', async () => {
      const socket = await openRaw(server.url, anonKey)
      ending.push(() => socket.socket.terminate())
      const ben = await signTestToken(secret, { sub: 'ben' })
      const cai = await signTestToken(secret, { sub: 'cai' })
      for (const topic of TOPICS.filter((each) => readerOf(each) === 'ben')) {
        const join = { config: { private: true }, access_token: ben }
        expect(await socket.ask(`realtime:${topic}`, 'phx_join', join)).toMatchObject({ status: 'ok' })
        socket.say(`realtime:${topic}`, 'access_token', { access_token: cai })
      }
      // In order behind the tokens, for which a heartbeat does not wait.
      const asked = await socket.ask('realtime:nothing', 'broadcast', {})
      expect(asked).toMatchObject({ response: { reason: 'unmatched topic' } })
      const witness = await openRaw(server.url, ben)
      ending.push(() => witness.socket.terminate())
      await witness.ask('realtime:feed:single:ben', 'phx_join', { config: { private: true } })
      await writeAll()
      await expect.poll(() => eventsOf(witness, 'feed:single:ben').length).toBe(5)
      for (const topic of TOPICS) expect([topic, eventsOf(socket, topic)]).toEqual([topic, []])
    })
  },
)
