import { afterAll, beforeAll, expect, it } from 'vitest'
import { feedSource } from '../../feed/source.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { openPglite, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const ROOM = 'realtime:room:1'

let db: TestDatabase
let server: StandaloneServer
beforeAll(async () => {
  db = await openPglite()
  const feeds = feedSource({ client: db.client })
  server = await startRealtimeServer({
    jwtSecret: secret,
    authorize: () => true,
    feeds,
    history: [{ topics: 'room:*', actions: 'author' }],
  })
  await server.ready
})
afterAll(async () => {
  await server.close()
  await db.close()
})

const join = async (sub: string): Promise<RawSocket> => {
  const raw = await openRaw(server.url, await signTestToken(secret, { sub }))
  await raw.ask(ROOM, 'phx_join', { config: { broadcast: { ack: true } } })
  return raw
}
const publish = async (n: number, note = ''): Promise<void> =>
  server.publish({ topic: 'room:1', event: 'note', payload: { n, note }, private: false })
const heardBy = ({ heard }: RawSocket): unknown[] =>
  heard.map(([, event, payload]) => (payload as { readonly payload?: { readonly n: number } }).payload?.n ?? event)

it('keeps what follows a message that was too large to be told from those who will read both', async () => {
  const [follower, other] = [await join('ana'), await join('bo')]
  await follower.ask(ROOM, 'msc_since', {})
  await publish(1)
  await publish(2, 'x'.repeat(1_200_000))
  await publish(3)
  await expect.poll(() => heardBy(follower)).toEqual([1, 'phx_error'])
  expect(heardBy(other)).toEqual([1, 3, 'phx_error'])
  const [, , first] = follower.heard[0] ?? ['', '', undefined]
  let after = (first as { readonly meta?: { readonly cursor: string } } | undefined)?.meta?.cursor
  const read: unknown[] = []
  for (let more = true; more;) {
    const page = (await follower.ask(ROOM, 'msc_since', { after })).response as unknown as {
      readonly cursor: string
      readonly more: boolean
      readonly gap: boolean
      readonly events: readonly { readonly payload: { readonly n: number } }[]
    }
    expect(page.gap).toBe(false)
    read.push(...page.events.map(({ payload }) => payload.n))
    ;({ cursor: after, more } = page)
  }
  expect(read).toEqual([2, 3])
  await publish(4)
  await expect.poll(() => heardBy(follower).at(-1)).toBe(4)
})

it('is refused to a member what the database would write out too large to be told, by frame, edit and request, and the others stay', async () => {
  const [ana, bo] = [await join('ana'), await join('bo')]
  const sent = (await ana.ask(ROOM, 'broadcast', { event: 'note', payload: { n: 1 } })) as unknown as {
    readonly response: { readonly id: string }
  }
  const payload = Array.from({ length: 26_000 }, () => 1e40)
  for (const [event, asked] of [
    ['broadcast', { event: 'note', payload }],
    ['msc_act', { id: sent.response.id, action: 'update', payload }],
  ] as const) {
    expect(await ana.ask(ROOM, event, asked)).toMatchObject({
      status: 'error',
      msc: { code: 'PAYLOAD_TOO_LARGE', retryable: false },
    })
  }
  const response = await fetch(`${server.url}/realtime/v1/api/broadcast`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await signTestToken(secret, { sub: 'ana' })}` },
    body: JSON.stringify({
      messages: [{}, payload].map((each) => ({ topic: 'room:1', event: 'note', payload: each })),
    }),
  })
  expect(response.status).toBe(413)
  expect(await response.json()).toMatchObject({ msc: { code: 'PAYLOAD_TOO_LARGE' } })
  await publish(2)
  await expect.poll(() => heardBy(bo)).toEqual([1, 2])
})
