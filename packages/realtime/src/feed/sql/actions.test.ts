import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, itemsFeed, type TestDatabase } from '../../testing/test-database.ts'
import { createKeeping } from '../keeping.ts'
import { feedSource } from '../source.ts'

describe.each(databases.map((open) => [open.name, open] as const))('actions in an outbox (%s)', (_name, open) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await open()
  }, 60_000)
  afterAll(() => db.close())

  const keeping = () =>
    createKeeping(
      <Row>(text: string, values: unknown[]) => db.query<Row>(text, values),
      () => undefined,
      () => Promise.resolve(),
      () => undefined,
    )
  const message = {
    topic: 'room:1',
    private: false,
    event: 'note',
    payload: '{"n":1}',
    keeping: { messages: 1, keepMs: 1 },
  }
  const place = { topic: 'room:1', private: false, keeping: message.keeping }

  it('come to an outbox of before them, whose rows stay as they are, and to one that has them', async () => {
    const [before] = await db.query<{ place: string }>(
      `insert into msc_feed.events (topic, event, payload, bytes, xid, snapshot)
        values ('room:1', 'note', '{}', 2, pg_current_xact_id(), pg_current_snapshot()) returning ctid::text as place`,
    )
    await db.exec(`drop function msc_feed.publish(text, text, jsonb, boolean, bytea, text, bigint, text);
      create function msc_feed.publish(topic text, event text, payload jsonb, private boolean default true, bytes bytea default null)
        returns bigint language sql as 'select 1::bigint';
      alter table msc_feed.events drop column target, drop column author, drop column once`)
    await db.exec(itemsFeed)
    await db.exec(itemsFeed)
    const [after] = await db.query<{ place: string }>(
      `select ctid::text as place from msc_feed.events where topic = 'room:1'`,
    )
    expect(after).toEqual(before)
    const [id] = await keeping().append([{ ...message, by: 'ana' }])
    expect(await keeping().find('room:1', false, String(id), 0)).toEqual({ event: 'note', by: 'ana' })
    await db.exec(`insert into items (owner, n) values ('a', 1)`)
    await db.exec('delete from msc_feed.events')
  })

  it('are read by the page, and not by all that was done in a topic', async () => {
    const [id] = await keeping().append([message])
    const [other] = await keeping().append([{ ...message, topic: 'room:2' }])
    await db.exec(`insert into msc_feed.events (topic, event, payload, bytes, private, author, target, xid, snapshot)
      select 'room:1', 'react', jsonb_build_object('event', 'note', 'value', 'x'), 2, false, 'user ' || n, ${String(other).slice(1)},
        pg_current_xact_id(), pg_current_snapshot() from generate_series(1, 20000) as n`)
    await db.exec('vacuum analyze msc_feed.events').catch(() => db.exec('analyze msc_feed.events'))
    const plans: string[] = []
    const explained = createKeeping(
      async <Row>(text: string, values: unknown[]) => {
        const rows = await db.query<{ 'QUERY PLAN': string }>(
          `explain (analyze, costs off, timing off) ${text}`,
          values,
        )
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
        return [] as Row[]
      },
      () => undefined,
      () => Promise.resolve(),
      () => undefined,
    )
    await explained.latest('room:1', false, { max: 100, sinceMs: 0, newest: 100 })
    expect(plans[0]).toContain('messages_by_topic')
    expect(plans[0]).not.toMatch(/Seq Scan on events|Rows Removed by Filter: \d{3,}/)
    expect((await keeping().latest('room:1', false, { max: 100, sinceMs: 0, newest: 100 })).events).toMatchObject([
      { meta: { id } },
    ])
    await db.exec('delete from msc_feed.events')
  }, 60_000)

  it('are ten thousand of a message at most, which can be deleted all the same', async () => {
    const own = keeping()
    const [id] = await own.append([message])
    await db.exec(`insert into msc_feed.events (topic, event, payload, bytes, private, author, target, xid, snapshot)
      select 'room:1', case when n % 2 = 0 then 'react' else 'unreact' end, '{"event":"note","value":"x"}', 2, false, 'ana',
        ${String(id).slice(1)}, pg_current_xact_id(), pg_current_snapshot() from generate_series(1, 10000) as n`)
    const wish = { ...place, target: String(id) }
    expect(await own.act({ ...wish, action: 'update', value: '1', by: 'bo' }, 0)).toBe('full')
    expect(await own.act({ ...wish, action: 'react', value: '"x"', by: 'bo' }, 0)).toBe('full')
    expect(await own.act({ ...wish, action: 'react', value: '"x"', by: 'ana' }, 0)).toBe('same')
    expect(await own.act({ ...wish, action: 'unreact', value: '"x"', by: 'ana' }, 0)).toBe('kept')
    expect(await own.act({ ...wish, action: 'delete', value: 'null', by: 'bo' }, 0)).toBe('kept')
    expect(await own.act({ ...wish, action: 'delete', value: 'null', by: 'bo' }, 0)).toBe('unknown')
    await db.exec('delete from msc_feed.events')
  })

  it('are told behind what they were done to, by their own positions', async () => {
    const own = keeping()
    const [id] = await own.append([{ ...message, private: true }])
    const start = (await own.keptSince('room:1', true, undefined, 10)).cursor
    expect(
      await own.act({ ...place, private: true, target: String(id), action: 'update', value: '{"n":2}', by: 'a' }, 0),
    ).toBe('kept')
    expect(
      await own.act({ ...place, private: true, target: String(id), action: 'react', value: '"x"', by: 'a' }, 0),
    ).toBe('kept')
    expect(
      await own.act({ ...place, private: true, target: String(id), action: 'react', value: '"x"', by: 'a' }, 0),
    ).toBe('same')
    expect(
      await own.act(
        { ...place, private: true, target: String(id), action: 'react', value: '"y"', by: 'a' },
        Date.now() + 60_000,
      ),
    ).toBe('unknown')
    const page = await own.keptSince('room:1', true, start, 10)
    expect(page.events.map(({ json, meta }) => [json, meta])).toMatchObject([
      ['{"n": 2}', { action: 'update', target: id, event: 'note', by: 'a' }],
      ['null', { action: 'react', target: id, event: 'note', name: 'x' }],
    ])
    // What Supabase's SDK is told again when it joins has messages alone, as they are now.
    const source = feedSource({ client: db.client })
    const replayed = async (): Promise<string[]> => (await source.replay('room:1', 0, 10)).map(({ json }) => json)
    expect(await replayed()).toEqual(['{"n": 2}'])
    expect(
      await own.act({ ...place, private: true, target: String(id), action: 'delete', value: 'null', by: 'a' }, 0),
    ).toBe('kept')
    expect(await replayed()).toEqual([])
    await source.close()
    await db.exec('delete from msc_feed.events')
  })
})
