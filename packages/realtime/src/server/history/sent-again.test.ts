import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus } from '../../bus/index.ts'
import { deferred } from '../../base/promises.ts'
import { feedSource } from '../../feed/source.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function serve(options: Partial<RealtimeServerOptions>): Promise<StandaloneServer> {
  const server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    history: [{ topics: 'room:*' }],
    onError: () => undefined,
    ...options,
  })
  servers.push(server)
  await server.ready
  return server
}
async function joined(server: StandaloneServer, sub = 'ana', isPrivate = false): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }))
  sockets.push(socket)
  await socket.ask('realtime:room:1', 'phx_join', { config: { private: isPrivate, broadcast: { ack: true } } })
  return socket
}
const say = (socket: RawSocket, text = 'hi', id = 'one', event = 'said'): ReturnType<RawSocket['ask']> => {
  const payload = { text, _msc: { id, kept: true } }
  return socket.ask('realtime:room:1', 'broadcast', { type: 'broadcast', event, payload })
}
const idIn = ({ response }: Awaited<ReturnType<typeof say>>): { readonly id?: unknown } => Object(response) as object
const keptIn = async (server: StandaloneServer, isPrivate = false): Promise<readonly unknown[]> =>
  (await server.history('room:1', { private: isPrivate })).messages.map(({ meta }) => meta.id)

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'a message that its account sends again, kept in %s',
  (_name, open) => {
    let db: TestDatabase
    beforeAll(async () => {
      db = await open()
    })
    afterAll(() => db.close())
    afterEach(() => db.exec('delete from msc_feed.events'))

    /** A server whose next write waits, and then is done or fails, or is done although it fails. */
    async function serveSlowly() {
      const [writing, outcome] = [deferred<void>(), deferred<'kept' | 'failed' | 'kept, unanswered'>()]
      let isFirst = true
      const source = feedSource({ client: db.client })
      const { keeping } = source
      if (!keeping) throw new Error('It keeps nothing.')
      const append: typeof keeping.append = async (messages) => {
        if (!isFirst) return keeping.append(messages)
        isFirst = false
        writing.resolve()
        const end = await outcome.promise
        const ids = end === 'failed' ? [] : await keeping.append(messages)
        if (end !== 'kept') throw new Error('The database did not answer.')
        return ids
      }
      const server = await serve({ feeds: { ...source, keeping: { ...keeping, append } } })
      return { server, writing: writing.promise, end: outcome.resolve }
    }

    it.each(['kept', 'failed', 'kept, unanswered'] as const)(
      'while it is being written has the answer of the first, and is in the history once: the first was %s',
      async (end) => {
        const slow = await serveSlowly()
        const first = await joined(slow.server)
        void say(first)
        await slow.writing
        first.socket.terminate()
        const second = await joined(slow.server)
        let isAnswered = false
        const answer = say(second).finally(() => (isAnswered = true))
        // What others send is answered meanwhile.
        expect(await say(await joined(slow.server, 'ben'))).toMatchObject({ status: 'ok' })
        expect(isAnswered).toBe(false)
        slow.end(end)
        const { status, response } = (await answer) as { status: string; response: { id?: string } }
        expect([status, await keptIn(slow.server)]).toEqual(['ok', expect.arrayContaining([response.id])])
        expect(await keptIn(slow.server)).toHaveLength(2)
        expect(await say(second)).toMatchObject({ status: 'ok', response: { id: response.id } })
      },
    )

    it('to another server is kept and told once, and has the same id', async () => {
      const [one, two] = [
        await serve({ feeds: feedSource({ client: db.client }) }),
        await serve({ feeds: feedSource({ client: db.client }) }),
      ]
      const listening = await joined(two, 'ben')
      const [here, there] = [await joined(one), await joined(two)]
      const { id } = idIn(await say(here))
      expect(await say(there)).toMatchObject({ status: 'ok', response: { id } })
      // Another account's by that id, and a private topic of that name, are others.
      expect(idIn(await say(listening)).id).not.toBe(id)
      expect(idIn(await say(await joined(two, 'ana', true))).id).not.toBe(id)
      // Nor is what it says of it as another event.
      expect(idIn(await say(there, 'checked', 'one', 'checked')).id).not.toBe(id)
      await say(there, 'last', 'two')
      const heard = (): unknown[] => listening.heard.map(([, , payload]) => (payload as { payload: unknown }).payload)
      await expect.poll(() => heard().at(-1)).toMatchObject({ text: 'last' })
      expect(heard()).toMatchObject([{ text: 'hi' }, { text: 'checked' }, { text: 'last' }])
      expect([(await keptIn(one)).length, (await keptIn(one, true)).length]).toEqual([4, 1])
    })
  },
)

it('a message that its account sends again to another server is kept and told once in memory too', async () => {
  const hub = createMemoryBusHub()
  const [one, two] = [await serve({ bus: memoryBus(hub) }), await serve({ bus: memoryBus(hub) })]
  const [here, there] = [await joined(one), await joined(two)]
  const { response } = await say(here)
  await expect.poll(() => keptIn(two)).toHaveLength(1)
  expect(await say(there)).toMatchObject({ status: 'ok', response })
  expect([await keptIn(one), await keptIn(two)]).toEqual([
    [expect.any(String) as string],
    [expect.any(String) as string],
  ])
})
