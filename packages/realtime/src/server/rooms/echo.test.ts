import { afterEach, expect, it } from 'vitest'
import { feedSource } from '../../feed/source.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: StandaloneServer
let db: TestDatabase | undefined
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await server.close()
  await db?.close()
  db = undefined
})

async function join(topic: string): Promise<RawSocket> {
  const raw = await openRaw(server.url, await signTestToken(jwtSecret, { sub: 'ana' }))
  sockets.push(raw)
  await raw.ask(topic, 'phx_join', { config: { broadcast: { ack: true } } })
  return raw
}
const say = async (raw: RawSocket, topic: string, n: number, echo?: unknown): Promise<unknown> =>
  (await raw.ask(topic, 'broadcast', { type: 'broadcast', event: 'note', payload: { n }, echo })).response
const heardBy = (raw: RawSocket): unknown[] =>
  raw.heard
    .filter(([, event]) => event === 'broadcast')
    .map(([, , content]) => {
      const { payload, meta } = content as { payload: { n: number } | null; meta?: Record<string, unknown> }
      return [payload && payload.n, meta?.['echo'], typeof meta?.['cursor']]
    })

it.each([['memory', undefined] as const, ...databases.map((open) => [open.name, open] as const)])(
  'a sender hears its own in its place among the others where it asks for it, kept in %s',
  async (_name, open) => {
    db = await open?.()
    server = await startRealtimeServer({
      jwtSecret,
      authorize: () => true,
      history: [{ topics: 'room' }],
      ...(db && { feeds: feedSource({ client: db.client }) }),
    })
    await server.ready
    const topic = 'realtime:room'
    const [sender, other] = [await join(topic), await join(topic)]
    expect(await say(sender, topic, 1, 'mine')).toMatchObject({ id: expect.any(String), echo: true })
    await say(other, topic, 2)
    await say(sender, topic, 3, '')
    // Not asked for, or not as a name of at most 64 characters.
    for (const [n, echo] of [undefined, 7, 'x'.repeat(65)].entries())
      expect(await say(sender, topic, 4 + n, echo)).not.toHaveProperty('echo')
    await say(other, topic, 9)
    await expect.poll(() => heardBy(sender).length, { timeout: 10_000 }).toBe(4)
    expect(heardBy(sender)).toEqual([
      [1, 'mine', 'string'],
      [2, undefined, 'string'],
      [null, '', 'string'],
      [9, undefined, 'string'],
    ])
    expect(heardBy(other)).toEqual([1, 3, 4, 5, 6].map((n) => [n, undefined, 'string']))
  },
  60_000,
)

it('so it does where nothing is kept', async () => {
  server = await startRealtimeServer({ jwtSecret, authorize: () => true })
  const topic = 'realtime:hall'
  const [sender, other] = [await join(topic), await join(topic)]
  expect(await say(sender, topic, 1, 'mine')).toEqual({ echo: true })
  expect(await say(other, topic, 2)).toEqual({})
  await expect
    .poll(() => heardBy(sender))
    .toEqual([
      [1, 'mine', 'undefined'],
      [2, undefined, 'undefined'],
    ])
  expect(heardBy(other)).toEqual([[1, undefined, 'undefined']])
})
