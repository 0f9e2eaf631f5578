import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { feedSource } from '../feed/source.ts'
import { databasePolicies, startRealtimeServer, type StandaloneServer } from './index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const MESSAGES = 60
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

interface Poison {
  readonly what: string
  /** Its line stays, and so do its other topics. */
  readonly stays: boolean
  spoil(socket: RawSocket, user: string): void
}

const frame = (event: string, payload: string, topic = 'realtime:own'): string =>
  `[null,"1","${topic}","${event}",${payload}]`
const sends =
  (...frames: (string | Uint8Array)[]) =>
  ({ socket }: RawSocket): void =>
    frames.forEach((each) => socket.send(each))

const POISONS: readonly Poison[] = [
  { what: 'reads nothing any more', stays: false, spoil: ({ socket }) => void socket.pause() },
  {
    what: 'floods',
    stays: false,
    spoil({ socket }) {
      for (let sent = 0; sent < 6000; sent++) socket.send(frame('broadcast', '{"event":"e","payload":{}}'))
    },
  },
  { what: 'is cut', stays: false, spoil: ({ socket }) => socket.terminate() },
  {
    what: 'sends what is no text',
    stays: false,
    spoil: ({ socket }) => socket.send(Buffer.from([0xc3, 0x28]), { binary: false }),
  },
  {
    what: 'sends what is no frame',
    stays: true,
    spoil: sends('', '{', '7', '[]', '{"topic":{}}', new Uint8Array([3, 255])),
  },
  {
    what: 'sends what is too deep',
    stays: true,
    spoil: sends(frame('broadcast', `{"event":"e","payload":${nested(5000)}}`)),
  },
  {
    what: 'sends what is too large',
    stays: true,
    spoil: sends(frame('broadcast', `{"event":"e","payload":"${'x'.repeat(400_000)}"}`)),
  },
  {
    what: 'tracks what is too large',
    stays: true,
    spoil: sends(frame('presence', `{"event":"track","payload":{"x":"${'x'.repeat(100_000)}"}}`)),
  },
  {
    what: 'joins and leaves without end',
    stays: true,
    spoil: sends(...Array.from({ length: 20 }, () => [frame('phx_join', '{}'), frame('phx_leave', '{}')]).flat()),
  },
  {
    what: 'asks for what it may not',
    stays: true,
    spoil: sends(
      frame('phx_join', '{"config":{"private":true}}', 'realtime:feed:items:somebody'),
      frame('msc_since', '{"after":"x"}'),
    ),
  },
  {
    what: 'brings a token that is none',
    stays: true,
    spoil: sends(frame('access_token', '{"access_token":"x.y.z"}')),
  },
  {
    what: 'has said something else of its user’s topic',
    stays: true,
    spoil: (socket, user) => socket.say(`realtime:feed:items:${user}x`, 'phx_join', { config: { private: true } }),
  },
]

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'one connection of each user that is spoiled, on %s',
  (_database, open) => {
    let db: TestDatabase
    let server: StandaloneServer
    let sockets: RawSocket[] = []
    beforeAll(async () => {
      db = await open()
      server = await startRealtimeServer({
        jwtSecret: secret,
        authorize: databasePolicies({ client: db.client }),
        feeds: feedSource({ client: db.client }),
        limits: { perAddress: false },
      })
      await server.ready
    })
    afterAll(async () => {
      for (const { socket } of sockets) socket.terminate()
      await server.close()
      await db.close()
    })
    const connect = async (token: string, topics: Record<string, boolean>): Promise<RawSocket> => {
      const socket = await openRaw(server.url, token)
      sockets.push(socket)
      for (const [topic, isPrivate] of Object.entries(topics)) {
        const joined = await socket.ask(`realtime:${topic}`, 'phx_join', { config: { private: isPrivate } })
        expect([topic, joined.status]).toEqual([topic, 'ok'])
      }
      return socket
    }
    const heardIn = ({ heard }: RawSocket, topic: string): unknown[] =>
      heard.flatMap(([from, event, payload]) => {
        const { payload: said } = Object(payload) as { readonly payload?: { n?: unknown; record?: { n?: unknown } } }
        if (from !== `realtime:${topic}` || event !== 'broadcast') return []
        return [said?.record?.n ?? said?.n]
      })

    it('costs no other connection, topic or user a message', { timeout: 60_000 }, async () => {
      const all = Array.from({ length: MESSAGES }, (_, index) => index)
      const users = await Promise.all(
        POISONS.map(async (poison, index) => {
          const name = `u${index}`
          const token = await signTestToken(secret, { sub: name })
          const feed = `feed:items:${name}`
          return {
            ...poison,
            name,
            feed,
            good: await connect(token, { [feed]: true, room: false }),
            spoiled: await connect(token, { [feed]: true, room: false, own: false }),
          }
        }),
      )
      for (const n of all) {
        // Half of it is spoiled before, half while the messages come.
        if (n === MESSAGES / 2) for (const { spoil, spoiled, name } of users) spoil(spoiled, name)
        await db.query(`insert into items (owner, n) select 'u' || i, $1 from generate_series(0, $2) as i`, [
          n,
          users.length - 1,
        ])
        await server.publish({ topic: 'room', event: 'note', payload: { n }, private: false })
      }
      for (const { what, feed, good, spoiled, stays } of users) {
        for (const socket of stays ? [good, spoiled] : [good]) {
          await expect.poll(() => [what, heardIn(socket, feed)], { timeout: 10_000 }).toEqual([what, all])
          await expect.poll(() => [what, heardIn(socket, 'room')], { timeout: 10_000 }).toEqual([what, all])
        }
        expect([what, good.socket.readyState]).toEqual([what, 1])
      }
      sockets = sockets.filter(({ socket }) => socket.readyState === 1)
    })
  },
)
