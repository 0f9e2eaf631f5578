import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deferred } from '../../base/promises.ts'
import { feedSource, type FeedMessage, type FeedSource } from '../../feed/source.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import type { Connection, Transport } from '../entrance/connection.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'
import type { Runtime } from '../runtime.ts'
import { format, formatBroadcast } from '../wire/format.ts'
import type { KeptTopic } from './kept-topics.ts'
import { servePlainStream } from './plain-stream.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const upTo = (last: number, from = 1): number[] => Array.from({ length: last - from + 1 }, (_, n) => n + from)

interface Told {
  readonly id?: string | undefined
  readonly kind: string
  readonly data: Readonly<Record<string, unknown>>
}

/** As an EventSource reads it, which keeps the last id that it was told. */
class Stream {
  readonly told: Told[] = []
  lastId: string | undefined
  readonly #ending = new AbortController()
  async open(url: string, token: string, lastId?: string): Promise<this> {
    this.lastId = lastId
    const headers = { authorization: `Bearer ${token}`, ...(lastId !== undefined && { 'last-event-id': lastId }) }
    const response = await fetch(url, { headers, signal: this.#ending.signal })
    expect(response.status).toBe(200)
    void this.#read(response).catch(() => undefined)
    return this
  }
  close(): void {
    this.#ending.abort()
  }
  numbers(topic?: string): unknown[] {
    return this.told
      .filter(({ kind, data }) => kind === 'message' && (topic === undefined || data['topic'] === topic))
      .map(({ data }) => {
        const { n, record } = data['payload'] as { n?: unknown; record?: { n: unknown } }
        return n ?? record?.n
      })
  }
  kinds(kind: string): unknown[] {
    return this.told.filter((each) => each.kind === kind).map(({ data }) => data)
  }
  async #read(response: Response): Promise<void> {
    let rest = ''
    const decoder = new TextDecoder()
    for await (const bytes of response.body as unknown as AsyncIterable<Uint8Array>) {
      const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block)
    }
  }
  #take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    )
    const id = fields.get('id')
    if (id !== undefined) this.lastId = id
    const data = fields.get('data')
    if (data !== undefined)
      this.told.push({ id, kind: fields.get('event') ?? 'message', data: JSON.parse(data) as Told['data'] })
  }
}

const stores = [
  ['memory', undefined] as const,
  ...databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const),
]

describe.each(stores)('a plain event stream of channels that are kept in %s', (_name, open) => {
  let db: TestDatabase | undefined
  let server: StandaloneServer
  let token: string
  const streams: Stream[] = []
  beforeAll(async () => {
    db = await open?.()
    token = await signTestToken(secret, { sub: 'a' })
  }, 60_000)
  afterAll(() => db?.close())
  beforeEach(async () => {
    server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: () => true,
      ...(db && { feeds: feedSource({ client: db.client }) }),
      history: [{ topics: 'room:*', messages: 2000, actions: 'author' }],
      limits: { perAddress: false, perAccount: false },
    })
    await server.ready
  })
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close()
    await server.close()
    await db?.exec('delete from msc_feed.events')
  })
  const listen = (query: string, lastId?: string): Promise<Stream> => {
    const stream = new Stream()
    streams.push(stream)
    return stream.open(`${server.url}/realtime/v1/events?${query}`, token, lastId)
  }
  const say = async (topic: string, ...numbers: number[]): Promise<void> => {
    for (const n of numbers) await server.publish({ topic, event: 'note', payload: { n }, private: false })
  }
  const live = async (stream: Stream): Promise<Stream> => {
    await expect.poll(() => stream.lastId).toEqual(expect.any(String))
    return stream
  }

  it('begins with the latest messages where that is wanted, then comes what is live, none twice', async () => {
    await say('room:1', ...upTo(10))
    const speaking = say('room:1', ...upTo(40, 11))
    const stream = await listen('topic=room:1&rewind=5')
    await speaking
    await expect.poll(() => stream.numbers().at(-1)).toBe(40)
    expect(stream.numbers()).toEqual(upTo(40, Number(stream.numbers()[0])))
    expect(stream.numbers().length).toBeGreaterThanOrEqual(5)
    expect(stream.told[0]).toMatchObject({
      id: expect.any(String),
      data: { topic: 'room:1', event: 'note', meta: { id: expect.any(String) } },
    })
    expect(stream.told[0]?.data['meta']).not.toHaveProperty('cursor')
  })

  it('goes on from its last id in whatever order its topics are asked for, and tells a gap of others', async () => {
    const first = await live(await listen('topic=room:1&topic=room:2'))
    first.close()
    await say('room:1', 1)
    await say('room:2', 2)
    const second = await listen('topic=room:2&topic=room:1', first.lastId)
    await expect.poll(() => second.numbers().toSorted()).toEqual([1, 2])
    expect(second.told.map(({ kind }) => kind)).toEqual(['message', 'message'])
    const other = await listen('topic=room:1&topic=room:3', first.lastId)
    await expect.poll(() => other.told.map(({ kind }) => kind)).toEqual(['gap', 'gap'])
  })

  it('goes on after its last id, in what came meanwhile and in what was done to messages, once', async () => {
    const first = await live(await listen('topic=room:1'))
    await say('room:1', 1, 2)
    await expect.poll(() => first.numbers()).toEqual([1, 2])
    first.close()
    await say('room:1', ...upTo(700, 3))
    const { id } = (first.told[0] as Told).data['meta'] as { id: string }
    const place = { topic: 'room:1', private: false, id }
    await server.act({ ...place, action: 'update', payload: { n: 0 } })
    await server.act({ ...place, action: 'react', name: 'x', by: 'bo' })
    const second = await listen('topic=room:1&rewind=5', first.lastId)
    await expect.poll(() => second.kinds('action').length, { timeout: 10_000 }).toBe(2)
    await server.act({ ...place, action: 'delete' })
    await expect.poll(() => second.kinds('action').length).toBe(3)
    expect(second.numbers()).toEqual(upTo(700, 3))
    expect(second.kinds('action')).toMatchObject([
      { topic: 'room:1', id, action: 'update', payload: { n: 0 } },
      { topic: 'room:1', id, action: 'react', name: 'x', by: 'bo' },
      { topic: 'room:1', id, action: 'delete' },
    ])
    expect(second.kinds('gap')).toEqual([])
  }, 30_000)

  it('goes on from any id on the way, also of the latest messages, missing none and telling none twice', async () => {
    await say('room:1', ...upTo(8))
    await say('room:2', ...upTo(8))
    const query = 'topic=room:1&topic=room:2&rewind=6'
    const whole = await listen(query)
    await expect.poll(() => whole.numbers().length).toBe(12)
    for (const [index, { id }] of whole.told.entries()) {
      const rest = await listen(query, id)
      const later = whole.told.slice(index + 1)
      await expect.poll(() => rest.told.length).toBe(later.length)
      expect(rest.told.map(({ data }) => data)).toEqual(later.map(({ data }) => data))
    }
    const ended = await live(await listen(query, whole.lastId))
    await say('room:2', 9)
    await expect.poll(() => ended.numbers()).toEqual([9])
  }, 30_000)

  it('tells a gap for an id that is none, or of another history, and goes on live', async () => {
    await say('room:1', 1)
    for (const lastId of ['nonsense', '00000000-0000-4000-8000-000000000000:1:1:', '-']) {
      const stream = await listen('topic=room:1', lastId)
      await expect.poll(() => stream.kinds('gap')).toEqual([{ topic: 'room:1' }])
      await expect.poll(() => stream.lastId).not.toBe(lastId)
      await say('room:1', 2)
      await expect.poll(() => stream.numbers()).toEqual([2])
    }
  })

  it('tells a gap of each topic without a history when it comes back, and of none when it comes first', async () => {
    const query = 'topic=room:1&topic=news&topic=talk'
    const first = await live(await listen(query))
    await say('news', 1)
    await expect.poll(() => first.numbers('news')).toEqual([1])
    expect(first.kinds('gap')).toEqual([])
    first.close()
    await say('room:1', 2)
    await say('news', 3)
    const second = await live(await listen(query, first.lastId))
    await say('news', 4)
    await expect.poll(() => second.numbers()).toEqual([2, 4])
    expect(second.told.slice(0, 2)).toEqual(
      ['news', 'talk'].map((topic) => ({ id: undefined, kind: 'gap', data: { topic } })),
    )
    expect(second.kinds('gap').length).toBe(2)
  })

  it('tells a gap of a topic alone that had no room in its id, and goes on in the others', async () => {
    const query = 'topic=room:1&topic=room:2&rewind=5'
    const first = await live(await listen(query))
    first.close()
    await say('room:1', 1)
    await say('room:2', 2)
    const [tag, position, same] = (first.lastId as string).split('~')
    expect(same).toBe('=0')
    const second = await listen(query, `${tag}~${position}~!`)
    await expect.poll(() => second.numbers()).toEqual([1])
    await expect.poll(() => second.kinds('gap')).toEqual([{ topic: 'room:2' }])
    await expect.poll(() => second.lastId).not.toContain('!')
    await say('room:2', 3)
    await expect.poll(() => second.numbers()).toEqual([1, 3])
    const spelled = await listen(query, `${tag}~${position}~${position}`)
    await expect.poll(() => spelled.numbers()).toEqual([1, 2, 3])
  })

  it('tells nothing of what is deleted, and a private topic nothing of a public one', async () => {
    const stream = await live(await listen('topic=room:1'))
    const hidden = await live(await listen('topic=room:1&private=true'))
    await say('room:1', 1, 2)
    await expect.poll(() => stream.numbers()).toEqual([1, 2])
    const { id } = (stream.told[0] as Told).data['meta'] as { id: string }
    await server.act({ topic: 'room:1', private: false, id, action: 'delete' })
    const late = await listen('topic=room:1&rewind=10')
    await expect.poll(() => late.numbers()).toEqual([2])
    expect(hidden.told).toEqual([])
  })

  it('is not moved by what a stranger writes into a message', async () => {
    const stream = await live(await listen('topic=room:1'))
    const lie = { n: 1, _msc: { more: true, cursor: '00000000-0000-4000-8000-000000000000:9:9:', id: 'x' } }
    await server.publish({ topic: 'room:1', event: 'note', payload: lie, private: false })
    await say('room:1', 2)
    await expect.poll(() => stream.numbers()).toEqual([1, 2])
    expect(stream.kinds('gap')).toEqual([])
    expect(JSON.stringify(stream.told)).not.toContain('_msc')
  })

  it.each(['0', '-1', 'all', '1e9'])('refuses to begin with %s messages', async (rewind) => {
    const response = await fetch(`${server.url}/realtime/v1/events?topic=room:1&rewind=${rewind}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(response.status).toBe(422)
  })

  if (open) {
    it('reads what could not be told live, and what was kept from it meanwhile, in place of a gap', async () => {
      const stream = await live(await listen('topic=room:1&topic=other'))
      await say('room:1', 1)
      const payload = { n: 2, note: 'x'.repeat(1_200_000) }
      await server.publish({ topic: 'room:1', event: 'note', payload, private: false })
      await say('room:1', ...upTo(6, 3))
      await expect.poll(() => stream.numbers('room:1'), { timeout: 5000 }).toEqual(upTo(6))
      await say('room:1', 7)
      await expect.poll(() => stream.numbers('room:1')).toEqual(upTo(7))
      // A topic without a history has nothing to be read.
      await (db as TestDatabase).query(`select msc_feed.publish('other', 'note', $1, false)`, [JSON.stringify(payload)])
      await expect.poll(() => stream.kinds('gap'), { timeout: 5000 }).toEqual([{ topic: 'other' }])
      const rest = await live(await listen('topic=room:1&topic=other', stream.lastId))
      await say('room:1', 8)
      await expect.poll(() => rest.numbers('room:1')).toEqual([8])
    }, 30_000)

    it('carries feeds and channels together, which go on from one id', async () => {
      const query = 'topic=room:1&topic=other&topic=feed:items:a&rewind=2'
      const insert = (n: number): Promise<unknown> =>
        (db as TestDatabase).query('insert into items (owner, n) values ($1, $2)', ['a', n])
      await say('room:1', 1, 2, 3)
      const first = await listen(query)
      await expect.poll(() => first.numbers('room:1')).toEqual([2, 3])
      await live(first)
      await insert(1)
      await say('other', 1)
      await expect.poll(() => first.numbers('feed:items:a')).toEqual([1])
      await expect.poll(() => first.numbers('other')).toEqual([1])
      first.close()
      await insert(2)
      await say('room:1', 4)
      await insert(3)
      const second = await listen(query, first.lastId)
      await expect.poll(() => second.numbers('feed:items:a')).toEqual([2, 3])
      await expect.poll(() => second.numbers('room:1')).toEqual([4])
      await say('room:1', 5)
      await expect.poll(() => second.numbers('room:1')).toEqual([4, 5])
      // Nobody knows what it missed where nothing is kept, and in the others it missed nothing.
      expect(second.kinds('gap')).toEqual([{ topic: 'other' }])
    }, 30_000)
  }
})

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'plain event streams that come back to %s',
  (_name, open) => {
    it('wait for no other topic while what has to happen before hangs for some', async () => {
      const db = await open()
      const token = await signTestToken(secret, { sub: 'a' })
      const streams: Stream[] = []
      const start = async (before?: (message: FeedMessage) => Promise<void> | undefined): Promise<StandaloneServer> => {
        const server = await startRealtimeServer({
          jwtSecret: secret,
          authorize: () => true,
          feeds: feedSource({ client: db.client, beforeTimeoutMs: 60_000, ...(before && { before }) }),
          history: [{ topics: 'room:*' }],
          limits: { perAddress: false, perAccount: false },
        })
        await server.ready
        return server
      }
      const listen = async (server: StandaloneServer, topic: string, lastId?: string): Promise<Stream> => {
        const stream = await new Stream().open(`${server.url}/realtime/v1/events?topic=${topic}`, token, lastId)
        streams.push(stream)
        return stream
      }
      const hanging = upTo(12).flatMap((n) => [`feed:items:${n}`, `room:${n}`])
      const topics = [...hanging, 'feed:items:quick', 'room:quick']
      const one = await start()
      const ids = new Map<string, string | undefined>()
      for (const topic of topics) {
        const stream = await listen(one, topic)
        await expect.poll(() => stream.lastId).toEqual(expect.any(String))
        ids.set(topic, stream.lastId)
        stream.close()
      }
      await one.close()
      for (const owner of [...upTo(12), 'quick']) {
        await db.query('insert into items (owner, n) values ($1, 1)', [String(owner)])
        await db.query(`select msc_feed.publish($1, 'note', '{"n":1}', false)`, [`room:${owner}`])
      }
      const done = deferred<void>()
      const two = await start(({ topic }) => (topic.endsWith(':quick') ? undefined : done.promise))
      const held = await Promise.all(hanging.map((topic) => listen(two, topic, ids.get(topic))))
      const quick = [
        await listen(two, 'feed:items:quick', ids.get('feed:items:quick')),
        await listen(two, 'room:quick', ids.get('room:quick')),
      ]
      await expect.poll(() => quick.map((stream) => stream.numbers()), { timeout: 5000 }).toEqual([[1], [1]])
      expect(held.flatMap((stream) => stream.told)).toEqual([])
      done.resolve()
      await expect.poll(() => held.map((stream) => stream.numbers()), { timeout: 5000 }).toEqual(hanging.map(() => [1]))
      for (const stream of streams) stream.close()
      await two.close()
      await db.close()
    }, 60_000)
  },
)

describe('plain event streams whose turn has not come', () => {
  it('read nothing once they are gone, or the server is closed', async () => {
    const [gate, closing] = [deferred<void>(), deferred<void>()]
    let asked = 0
    const feeds: FeedSource = {
      start: async () => undefined,
      since: async (_topic, _after, _max, ask = (statement) => statement()) =>
        ask(async () => {
          asked += 1
          await (asked <= 8 ? gate : closing).promise
          return { gap: false, more: false, cursor: '00000000-0000-4000-8000-000000000000:1:1:', events: [] }
        }),
      replay: async () => [],
      close: async () => undefined,
    }
    const server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: () => true,
      feeds,
      limits: { perAddress: false, perAccount: false },
    })
    const token = await signTestToken(secret, { sub: 'a' })
    const open = (): Promise<Stream> => new Stream().open(`${server.url}/realtime/v1/events?topic=feed:items:a`, token)
    const gone = await Promise.all(upTo(30).map(open))
    expect(asked).toBe(8)
    for (const stream of gone) stream.close()
    await expect.poll(() => server.stats().connections).toBe(0)
    const stay = await Promise.all(upTo(20).map(open))
    gate.resolve()
    await expect.poll(() => asked).toBe(16)
    await server.close()
    closing.resolve()
    for (const stream of stay) stream.close()
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBe(16)
  })
})

describe('a plain event stream that reads', () => {
  /** One that has asked for its history, and is told it by `answer`. */
  function reading() {
    const told: string[] = []
    const memberships = new Map(['room:1', 'other', 'last'].map((topic) => [`realtime:${topic}`, {}]))
    const page = deferred<Awaited<ReturnType<KeptTopic['since']>>>()
    const connection = {
      gone: false,
      memberships,
      terminate: () => undefined,
      sendRaw: (data: string) => told.push(data),
    } as unknown as Connection
    servePlainStream({
      connection,
      transport: { send: (data: string) => told.push(data) } as unknown as Transport,
      kept: [{ topic: 'room:1', private: false, since: () => page.promise }],
      others: ['other', 'last'],
      lastEventId: null,
      drained: () => Promise.resolve(),
      runtime: {} as Runtime,
    })
    return {
      told,
      say: (topic: string, n: number) =>
        connection.sendRaw(formatBroadcast(topic, 'note', `{"n":${n}}`, undefined, 'events')),
      close(topic: string) {
        const event = 'phx_close'
        connection.sendRaw(
          format({ joinRef: null, ref: null, topic: `realtime:${topic}`, event, payload: {} }, 'events'),
        )
        memberships.delete(`realtime:${topic}`)
      },
      answer: (cursor = '1') => page.resolve({ gap: false, more: false, cursor, events: [{ block: 'data: 0\n\n' }] }),
    }
  }
  const closed = (topic: string): string => `event: closed\ndata: {"topic":"${topic}"}\n\n`

  it('is told at once that a topic was closed, and keeps what is live until it has read', async () => {
    const { told, say, close, answer } = reading()
    say('room:1', 1)
    close('other')
    expect(told).toEqual([closed('other')])
    answer()
    await expect.poll(() => told.length).toBe(4)
    expect(told[1]).toContain('data: 0')
    expect(told[3]).toContain('"payload":{"n":1}')
  })

  it('is told nothing of a topic behind its end, neither what waited nor what is read', async () => {
    const { told, say, close, answer } = reading()
    say('other', 1)
    say('room:1', 2)
    say('last', 3)
    for (const topic of ['other', 'room:1']) close(topic)
    answer()
    await expect.poll(() => told.length).toBe(4)
    expect(told.slice(0, 2)).toEqual(['other', 'room:1'].map(closed))
    expect(told[2]).toMatch(/^id: \S+\n\n$/)
    expect(told[3]).toBe('data: {"topic":"last","event":"note","payload":{"n":3}}\n\n')
  })
})
