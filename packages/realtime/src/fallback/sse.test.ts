import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { feedSource } from '../feed/source.ts'
import { feedMigration } from '../feed/sql.ts'
import { openPglite, type TestDatabase } from '../testing/test-database.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
let db: TestDatabase
let server: StandaloneServer
const readers: Reader[] = []
beforeAll(async () => {
  db = await openPglite()
})
afterAll(() => db.close())
beforeEach(async () => {
  server = await startRealtimeServer({
    jwtSecret: secret,
    authorize: ({ claims, topic, action }) =>
      action === 'read' && ['items', 'notes'].some((table) => topic === `feed:${table}:${claims.sub}`),
    feeds: feedSource({ client: db.client }),
    limits: { bufferedBytes: 100_000 },
  })
  await server.ready
})
afterEach(async () => {
  for (const { stop } of readers.splice(0)) stop()
  await server.close()
  await db.exec('delete from items')
})
const insert = (owner: string, n: number): Promise<unknown> =>
  db.query('insert into items (owner, n) values ($1, $2)', [owner, n])

interface Reader {
  readonly status: number
  readonly events: EventSourceMessage[]
  readonly lastId: () => string
  readonly ended: Promise<void>
  readonly stop: () => void
}

/** As an EventSource reads it. */
async function read(query: string, token: string, lastEventId?: string): Promise<Reader> {
  const ending = new AbortController()
  const response = await fetch(`${server.url}/realtime/v1/events?${query}`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
    signal: ending.signal,
  })
  const events: EventSourceMessage[] = []
  let lastId = ''
  const parser = createParser({ onEvent: (event) => events.push(event) })
  const consume = async (): Promise<void> => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) {
      const text = decoder.decode(chunk as Uint8Array, { stream: true })
      for (const [, id] of text.matchAll(/^id: (.+)$/gm)) lastId = id ?? ''
      parser.feed(text)
    }
  }
  const reader: Reader = {
    status: response.status,
    events,
    lastId: () => lastId,
    ended: consume().catch(() => undefined),
    stop: () => ending.abort(),
  }
  readers.push(reader)
  return reader
}
const numbers = ({ events }: Reader): unknown[] =>
  events.map(
    ({ event, data }) => event ?? (JSON.parse(data) as { payload: { record: { n: number } } }).payload.record.n,
  )

describe('a stream for any EventSource', () => {
  it('goes on from Last-Event-ID, with each message once and in order', async () => {
    const token = await signTestToken(secret, { sub: 'a' })
    const first = await read('topic=feed:items:a', token)
    await expect.poll(first.lastId).not.toBe('')
    await insert('a', 1)
    await insert('b', 2)
    await insert('a', 3)
    await expect.poll(() => numbers(first)).toEqual([1, 3])
    first.stop()
    await first.ended
    await db.query(`insert into items (owner, n) select 'a', i from generate_series(10, 700) as i`)
    const second = await read('topic=feed:items:a', token, first.lastId())
    await insert('a', 1000)
    const expected = [...Array.from({ length: 691 }, (_, index) => index + 10), 1000]
    await expect.poll(() => numbers(second).length).toBeGreaterThanOrEqual(expected.length)
    expect(numbers(second)).toEqual(expected)
    // Each has an id of its own, from which a third one goes on with the next.
    const ids = second.events.map(({ id }) => id)
    expect(new Set(ids).size).toBe(expected.length)
    for (const at of [0, 300, 499, 500, 690]) {
      const third = await read('topic=feed:items:a', token, ids[at])
      await expect.poll(() => numbers(third).length).toBeGreaterThanOrEqual(expected.length - at - 1)
      expect(numbers(third)).toEqual(expected.slice(at + 1))
      third.stop()
    }
    expect(JSON.parse(second.events.at(-1)?.data ?? '')).toEqual({
      topic: 'feed:items:a',
      event: 'INSERT',
      payload: expect.objectContaining({ operation: 'INSERT', table: 'items' }),
    })
  })

  it('goes on in each of several feeds from one id, with what was written while it read', async () => {
    const token = await signTestToken(secret, { sub: 'a' })
    await db.exec(`create table if not exists notes (owner text, n int)`)
    await db.exec(feedMigration([{ table: 'notes', owner: 'owner' }]))
    const query = 'topic=feed:items:a&topic=feed:notes:a'
    let reader = await read(query, token)
    await expect.poll(reader.lastId).not.toBe('')
    const heard: unknown[] = []
    for (let round = 0; round < 5; round++) {
      for (const table of ['items', 'notes']) {
        await db.query(`insert into ${table} (owner, n) select 'a', n from generate_series($1::int, $2::int) as n`, [
          round * 700 + 1,
          round * 700 + 700,
        ])
      }
      await expect.poll(() => reader.events.length).toBeGreaterThan(round * 40)
      reader.stop()
      await reader.ended
      heard.push(...reader.events.map(({ data }) => data))
      reader = await read(query, token, reader.events.at(-1)?.id ?? reader.lastId())
    }
    await expect.poll(() => heard.length + reader.events.length).toBeGreaterThanOrEqual(7000)
    heard.push(...reader.events.map(({ data }) => data))
    for (const table of ['items', 'notes']) {
      const rows = heard
        .map((data) => JSON.parse(String(data)) as { topic: string; payload: { record: { n: number } } })
        .filter(({ topic }) => topic === `feed:${table}:a`)
      expect(rows.map(({ payload }) => payload.record.n)).toEqual(Array.from({ length: 3500 }, (_, n) => n + 1))
    }
  })

  it('says that there is a gap, and that the token has expired', async () => {
    const other = '00000000-0000-4000-8000-000000000000:1:1:'
    const reader = await read('topic=feed:items:a', await signTestToken(secret, { sub: 'a' }, 2), other)
    await expect.poll(() => numbers(reader)).toEqual(['gap'])
    const wrong = await read('topic=feed:items:a', await signTestToken(secret, { sub: 'a' }), 'no cursor')
    await expect.poll(() => numbers(wrong)).toEqual(['gap'])
    await expect.poll(() => numbers(reader)).toEqual(['gap', 'closed'])
  })

  it('refuses what a WebSocket would be refused', async () => {
    const token = await signTestToken(secret, { sub: 'b' })
    expect((await read('topic=feed:items:a', token)).status).toBe(403)
    expect((await read('topic=room&private=true', token)).status).toBe(403)
    expect((await read('topic=room', 'forged')).status).toBe(401)
    expect((await read('topic=room', await signTestToken(secret, { sub: 'b' }, -5))).status).toBe(401)
    expect((await read('topic=', token)).status).toBe(422)
    expect((await read('topic=room', token)).status).toBe(200)
    const gone = await fetch(`${server.url}/realtime/v1/events/${'0'.repeat(32)}`, { method: 'POST', body: '[]' })
    expect(gone.status).toBe(410)
  })

  it('lets go of whoever leaves, and of whoever does not read', async () => {
    const token = await signTestToken(secret, { sub: 'a' })
    const reader = await read('topic=room', token)
    expect(server.stats().connections).toBe(1)
    reader.stop()
    await expect.poll(() => server.stats()).toMatchObject({ connections: 0, rooms: 0 })
    // Its body is read by nobody.
    await fetch(`${server.url}/realtime/v1/events?topic=room`, { headers: { authorization: `Bearer ${token}` } })
    const note = { topic: 'room', event: 'note', payload: { text: 'x'.repeat(50_000) }, private: false }
    await expect
      .poll(() => {
        server.publish(note)
        return server.stats().connections
      })
      .toBe(0)
  })
})
