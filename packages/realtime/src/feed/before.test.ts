import { createManualClock } from '@msc/core/testing'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { deferred } from '../base/promises.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { createLanes } from './lanes.ts'
import { feedSource, type FeedMessage, type FeedSource, type FeedSourceOptions } from './source.ts'

const numberOf = ({ payload }: Pick<FeedMessage, 'payload'>): number => (payload['record'] as { n: number }).n
const stampOf = ({ payload }: Pick<FeedMessage, 'payload'>) =>
  payload['_msc'] as { readonly id: string; readonly cursor: string }

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'what has to happen before a message, on %s',
  (_name, open) => {
    let db: TestDatabase
    const sources: FeedSource[] = []
    beforeAll(async () => {
      db = await open()
    })
    afterAll(() => db.close())
    afterEach(async () => {
      for (const source of sources.splice(0)) await source.close()
      await db.exec('delete from items')
      await db.exec('delete from msc_feed.events')
    })
    const start = async (
      options: Partial<FeedSourceOptions>,
      onMessage: (message: FeedMessage) => void = () => undefined,
    ): Promise<FeedSource> => {
      const source = feedSource({ client: db.client, ...options })
      sources.push(source)
      await source.start(onMessage)
      return source
    }
    const insert = (owner: string, n: number): Promise<unknown> =>
      db.query('insert into items (owner, n) values ($1, $2)', [owner, n])

    it('has settled when a channel’s message is read, after a position and of the latest', async () => {
      const settled = deferred<void>()
      const source = await start({ before: () => settled.promise })
      const message = { topic: 'room:1', private: false, keeping: { messages: 10, keepMs: 1000 } }
      const from = (await source.keeping?.keptSince('room:1', false, undefined, 10))?.cursor
      await source.keeping?.append([{ ...message, event: 'note', payload: '{"n":1}' }])
      const read: string[] = []
      const reading = Promise.all([
        source.keeping?.keptSince('room:1', false, from, 10).then(({ events }) => read.push(`since ${events.length}`)),
        source.keeping
          ?.latest('room:1', false, { max: 10, sinceMs: 0, newest: 10 })
          .then(({ events }) => read.push(`latest ${events.length}`)),
      ])
      // Both have asked the database, as whoever reads another topic has its answer.
      await source.keeping?.keptSince('room:2', false, from, 10)
      await source.keeping?.latest('room:2', false, { max: 10, sinceMs: 0, newest: 10 })
      expect(read).toEqual([])
      settled.resolve()
      await reading
      expect(read.toSorted()).toEqual(['latest 1', 'since 1'])
    })

    it('reads no bytes of a channel, and no further back than is kept', async () => {
      const source = await start({})
      const keeping = { messages: 3, keepMs: 1000 }
      const from = (await source.keeping?.keptSince('room:1', true, undefined, 10))?.cursor
      for (let n = 1; n <= 5; n++) {
        const payload = `{"n":${n}}`
        await source.keeping?.append([{ topic: 'room:1', private: true, event: 'note', payload, keeping }])
        await db.query(`select realtime.send_binary('\\x010203'::bytea, 'bytes', 'room:1', true)`)
      }
      const page = await source.keeping?.keptSince('room:1', true, from, 100)
      expect(page?.events.map(({ event, json }) => [event, JSON.parse(json)])).toEqual(
        [1, 2, 3, 4, 5].map((n) => ['note', { n }]),
      )
      expect((await source.replay('room:1', 0, 10)).map(({ payload }) => payload['n'])).toEqual([1, 2, 3, 4, 5])
      const ids: string[] = []
      for (let before: string | undefined, more = true; more;) {
        const latest = await source.keeping?.latest('room:1', true, { max: 2, before, sinceMs: 0, newest: 3 })
        ids.unshift(...(latest?.events.map(({ json }) => json) ?? []))
        before = (latest?.events[0]?.meta as { id: string } | undefined)?.id
        more = latest?.more === true
      }
      expect(ids.map((json) => JSON.parse(json))).toEqual([{ n: 3 }, { n: 4 }, { n: 5 }])
    })

    it('keeps what is done to a channel’s message behind it, which announces nothing itself', async () => {
      const asked: string[] = []
      const heard: string[] = []
      const settled = deferred<void>()
      const source = await start(
        {
          async before({ kind }) {
            asked.push(kind)
            await settled.promise
          },
        },
        ({ kind }) => heard.push(kind),
      )
      const message = { topic: 'room:1', private: false, keeping: { messages: 1, keepMs: 1 } }
      const [target] = (await source.keeping?.append([{ ...message, event: 'note', payload: '{}' }])) ?? []
      const action = { ...message, target: String(target), action: 'update', value: '1', by: 'a' } as const
      expect(await source.keeping?.act(action, 0)).toBe('kept')
      await expect.poll(() => asked).toEqual(['row'])
      await expect.poll(() => source.stats?.().waiting).toBe(0)
      expect(heard).toEqual([])
      settled.resolve()
      await expect.poll(() => heard).toEqual(['row', 'action'])
      expect(asked).toEqual(['row'])
    })

    it('has settled for a table that was emptied when a reader is told the gap, live and out of the history', async () => {
      const asked: string[] = []
      const settled = deferred<void>()
      const heard: string[] = []
      const source = await start(
        {
          async before({ kind, payload }) {
            asked.push(`${kind} ${String(payload['table'])}`)
            if (kind === 'emptied') await settled.promise
          },
        },
        ({ kind, topic }) => heard.push(`${kind} ${topic}`),
      )
      const { cursor } = await source.since('feed:items:a', undefined, 10)
      await db.exec('truncate items')
      const reading = source.since('feed:items:a', cursor, 10).then(({ gap }) => heard.push(`gap ${gap}`))
      await expect.poll(() => asked).toContain('emptied items')
      expect(heard).toEqual([])
      settled.resolve()
      await reading
      await expect.poll(() => heard.toSorted()).toEqual(['emptied feed:items:', 'gap true'])
    })

    it('has settled when it arrives, live and out of the history, in the order of its topic', async () => {
      const settled = new Set<string>()
      const started: string[] = []
      const early: string[] = []
      const heard: FeedMessage[] = []
      let delay = 0
      const source = await start(
        {
          async before({ id, topic }) {
            started.push(`${topic} ${id}`)
            // A cache far away, sometimes slower and sometimes faster.
            await new Promise((resolve) => setTimeout(resolve, (delay = (delay * 7 + 3) % 11)))
            settled.add(id)
          },
        },
        (message) => {
          if (!settled.has(message.id)) early.push(message.id)
          heard.push(message)
        },
      )
      const { cursor } = await source.since('feed:items:a', undefined, 10)
      const writing = (async () => {
        for (let n = 0; n < 40; n++) await insert(n % 4 === 0 ? 'b' : 'a', n)
      })()
      // Who has lost its connection reads again and again meanwhile.
      let read: unknown[] = []
      while (read.length < 30) {
        const page = await source.since('feed:items:a', cursor, 100)
        read = page.events.map((event) => stampOf(event).id)
        for (const id of read) if (!settled.has(String(id))) early.push(`${String(id)} of the history`)
      }
      await writing
      await expect.poll(() => heard.length).toBe(40)
      expect(early).toEqual([])
      for (const owner of ['a', 'b']) {
        const own = heard.filter(({ topic }) => topic === `feed:items:${owner}`)
        expect(own.map(numberOf)).toEqual(own.map(numberOf).toSorted((one, other) => one - other))
        const calls = started.filter((call) => call.startsWith(`feed:items:${owner} `))
        expect(calls).toEqual(own.map(({ topic, id }) => `${topic} ${id}`))
      }
    })

    it('of one topic holds up no other, and no position passes what is held up', async () => {
      const slow = deferred<void>()
      const heard: FeedMessage[] = []
      await start(
        { before: ({ topic }) => (topic === 'feed:items:slow' ? slow.promise : Promise.resolve()) },
        (message) => void heard.push(message),
      )
      await insert('slow', 1)
      await insert('fast', 2)
      await insert('fast', 3)
      await expect.poll(() => heard.map(numberOf)).toEqual([2, 3])
      // Whoever keeps one position for all topics, as a relay does, has it in the message.
      const { complete } = heard.at(-1) as FeedMessage
      slow.resolve()
      await expect.poll(() => heard.map(numberOf)).toEqual([2, 3, 1])
      const [{ xid } = { xid: '' }] = await db.query<{ xid: string }>(
        `select xid::text as xid from msc_feed.events where topic = 'feed:items:slow'`,
      )
      expect(Number(complete)).toBeLessThanOrEqual(Number(xid))
    })

    it.each<[string, () => Promise<void> | void]>([
      ['rejects', () => Promise.reject(new Error('cache away'))],
      [
        'throws',
        () => {
          throw new Error('cache away')
        },
      ],
      ['never answers', () => new Promise(() => {})],
    ])('that %s is reported, and the message goes out all the same', async (_what, before) => {
      const told: string[] = []
      const heard: FeedMessage[] = []
      await start(
        { before, beforeTimeoutMs: 50, onError: (_error, { operation }) => void told.push(operation) },
        (message) => void heard.push(message),
      )
      for (let n = 0; n < 8; n++) await insert('a', n)
      await expect.poll(() => heard.map(numberOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
      expect(new Set(told)).toEqual(new Set(['before']))
    })

    it('happens for what was written while nobody listened, once it is read', async () => {
      const first = await start({})
      const { cursor } = await first.since('feed:items:a', undefined, 10)
      await first.close()
      await insert('a', 1)
      await insert('b', 2)
      const announced: number[] = []
      const second = await start({ before: (message) => void announced.push(numberOf(message)) })
      expect((await second.since('feed:items:a', cursor, 10)).events.map(numberOf)).toEqual([1])
      expect(announced).toEqual([1])
      expect(await second.replay('feed:items:b', 0, 25)).toHaveLength(1)
      await second.since('feed:items:a', cursor, 10)
      expect(announced).toEqual([1, 2])
    })
  },
)

describe('the lanes of topics', () => {
  const message = (topic: string, n: number): FeedMessage => ({
    id: `f${n}`,
    at: '',
    topic,
    event: 'INSERT',
    private: true,
    kind: 'row',
    json: JSON.stringify({ record: { n } }),
    bytes: undefined,
    cursor: undefined,
    payload: { record: { n } },
    traceparent: undefined,
    complete: '0',
  })

  it('keep every topic’s order and position, whatever is slow, fails or never answers', async () => {
    const kind = fc.constantFrom('now', 'soon', 'fails', 'never')
    const entry = fc.record({ topic: fc.constantFrom('a', 'b', 'c'), kind, horizon: fc.nat(50) })
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 25 }), async (entries) => {
        const clock = createManualClock()
        const lanes = createLanes({
          clock,
          timeoutMs: 2000,
          report: () => undefined,
          before({ id }) {
            const { kind: outcome } = entries[Number(id.slice(1))] as { kind: string }
            if (outcome === 'fails') return Promise.reject(new Error('away'))
            if (outcome === 'never') return new Promise(() => {})
            if (outcome === 'soon') return new Promise<void>((resolve) => void clock.setTimeout(resolve, 100))
            return Promise.resolve()
          },
        })
        const waiting = new Set(entries.keys())
        const delivered: number[] = []
        for (const [n, { topic, horizon }] of entries.entries()) {
          lanes.deliver(message(topic, n), String(horizon), (earliest) => {
            // From this position on everything is found that has not been delivered, and this one itself.
            for (const each of waiting) expect(Number(earliest)).toBeLessThanOrEqual(entries[each]?.horizon ?? 0)
            waiting.delete(n)
            delivered.push(n)
          })
        }
        await clock.advance(2000 * 25)
        expect(delivered).toHaveLength(entries.length)
        for (const topic of ['a', 'b', 'c']) {
          const own = delivered.filter((n) => entries[n]?.topic === topic)
          expect(own).toEqual(own.toSorted((one, other) => one - other))
        }
        lanes.close()
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('go on to wait in one topic for what works there, while another’s fails', async () => {
    const clock = createManualClock()
    const called: string[] = []
    const lanes = createLanes({
      clock,
      timeoutMs: 2000,
      report: () => undefined,
      async before({ topic }) {
        called.push(topic)
        if (topic === 'bad') throw new Error('a bug')
      },
    })
    for (let n = 0; n < 20; n++) lanes.deliver(message('bad', n), '1', () => undefined)
    await clock.advance(0)
    for (let n = 20; n < 30; n++) lanes.deliver(message('good', n), '1', () => undefined)
    await clock.advance(0)
    expect(called.filter((topic) => topic === 'bad')).toHaveLength(5)
    expect(called.filter((topic) => topic === 'good')).toHaveLength(10)
    // One probe tells that it works again.
    await clock.advance(5000)
    lanes.deliver(message('bad', 30), '1', () => undefined)
    await clock.advance(0)
    expect(called.filter((topic) => topic === 'bad')).toHaveLength(6)
    lanes.close()
  })

  it('keep everything that a table says behind its being emptied, and hold up no other table', async () => {
    const clock = createManualClock()
    const emptied = deferred<void>()
    const heard: string[] = []
    const lanes = createLanes({
      clock,
      timeoutMs: 2000,
      report: () => undefined,
      before: ({ kind }) => (kind === 'emptied' ? emptied.promise : undefined),
    })
    const deliver = (topic: string, n: number, kind: FeedMessage['kind'] = 'row'): void =>
      lanes.deliver({ ...message(topic, n), kind }, '1', () => void heard.push(`${topic} ${n}`))
    deliver('feed:items:a', 1)
    deliver('feed:items:', 2, 'emptied')
    deliver('feed:items:a', 3)
    deliver('feed:items:b', 4)
    deliver('feed:others:a', 5)
    await clock.advance(0)
    expect(heard).toEqual(['feed:items:a 1', 'feed:others:a 5'])
    emptied.resolve()
    await clock.advance(0)
    expect(heard[2]).toBe('feed:items: 2')
    expect(heard.slice(3).toSorted()).toEqual(['feed:items:a 3', 'feed:items:b 4'])
    deliver('feed:items:a', 6)
    await clock.advance(0)
    expect(heard.at(-1)).toBe('feed:items:a 6')
    lanes.close()
  })

  it('wait for nothing in a topic that is too far behind, and stay bounded', async () => {
    const clock = createManualClock()
    const told: unknown[] = []
    const heard: string[] = []
    const lanes = createLanes({
      clock,
      timeoutMs: 2000,
      report: (error) => void told.push(error),
      before: () => new Promise(() => {}),
    })
    for (let n = 0; n < 6000; n++) lanes.deliver(message('a', n), '1', () => void heard.push(`f${n}`))
    expect(heard).toEqual([])
    await clock.advance(2000)
    // The one whose `before` was under way is the last that anybody waited for.
    expect(heard).toHaveLength(6000)
    expect(told).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('ahead of its invalidations') }),
    )
    lanes.close()
  })

  it('let a page of history go after two deadlines, and whoever reads when they close', async () => {
    const clock = createManualClock()
    const lanes = createLanes({ clock, timeoutMs: 2000, report: () => undefined, before: () => new Promise(() => {}) })
    let done = 0
    void lanes
      .settle(
        'a',
        Array.from({ length: 100 }, (_, n) => message('a', n)),
      )
      .then(() => (done += 1))
    await clock.advance(3999)
    expect(done).toBe(0)
    await clock.advance(1)
    expect(done).toBe(1)
    const reading = lanes.settle('b', [message('b', 1000)])
    await clock.advance(0)
    lanes.close()
    await reading
    expect(done).toBe(1)
  })
})
