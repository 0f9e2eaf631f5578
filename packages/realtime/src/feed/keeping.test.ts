import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { LatestWish } from '../server/history/store.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { createKeeping, type FeedKeeping } from './keeping.ts'

const room = { topic: 'room:1', private: false, keeping: { messages: 1, keepMs: 1 } }
const note = (payload: string) => ({ ...room, event: 'note', payload })
const wish: LatestWish = { max: 20, sinceMs: 0, newest: 1e9 }
const listOf = (count: number, number: string): string => `[${Array.from({ length: count }, () => number).join()}]`

describe.each(databases.map((open) => [open.name, open] as const))('the messages of channels, on %s', (_name, open) => {
  let db: TestDatabase
  beforeAll(async () => {
    db = await open()
  }, 60_000)
  afterAll(() => db.close())
  afterEach(() => db.exec('delete from msc_feed.events'))

  const keepingBy = (query: <Row>(text: string, values: unknown[]) => Promise<Row[]>): FeedKeeping =>
    createKeeping(
      query,
      () => undefined,
      () => Promise.resolve(),
      () => undefined,
    )
  const keeping = (): FeedKeeping => keepingBy((text, values) => db.query(text, values))

  it('are kept in a few times as many bytes as were sent, and refused where Postgres would write out more', async () => {
    for (const payload of ['1e131071', listOf(400, '1e131071'), listOf(400, '-1E-16000'), listOf(1000, '1e308')]) {
      await expect(keeping().append([note('{}'), note(payload)])).rejects.toMatchObject({ code: '22003' })
    }
    const [id] = await keeping().append([note('{}')])
    const action = { ...room, target: String(id), action: 'update', value: listOf(400, '1e131071') } as const
    await expect(keeping().act(action, 0)).rejects.toMatchObject({ code: '22003' })
    const [row] = await db.query<{ n: number }>('select count(*)::int as n from msc_feed.events')
    expect(row?.n).toBe(1)
  })

  it('are refused where they have to be told live and are too large for it as the database has them, all or none', async () => {
    const told = (payload: string) => ({ ...note(payload), mustBeTold: true })
    const weighs = async (): Promise<number[]> =>
      (await db.query<{ bytes: number }>('select bytes from msc_feed.events order by id')).map(({ bytes }) => bytes)
    // As many bytes as there may be: as text, as numbers that are written out, and as numbers that become texts there.
    const fitting = [JSON.stringify('x'.repeat(999_998)), listOf(23_255, '1e40'), listOf(43_478, '12345678901234567.9')]
    for (const payload of fitting) {
      await keeping().append([told(payload)])
      await expect(
        keeping().append([
          told('{}'),
          told(payload.replace(/.$/, payload.startsWith('[') ? `,"${'x'.repeat(60)}"]` : 'x"')),
        ]),
      ).rejects.toMatchObject({ code: '54000' })
    }
    const all = await weighs()
    expect(all.length).toBe(3)
    for (const bytes of all) {
      expect(bytes).toBeGreaterThan(999_900)
      expect(bytes).toBeLessThanOrEqual(1_000_000)
    }
    const [id] = await keeping().append([note('{}')])
    const action = { ...room, target: String(id), action: 'update', mustBeTold: true } as const
    expect(await keeping().act({ ...action, value: listOf(23_000, '1e40') }, 0)).toBe('kept')
    await expect(keeping().act({ ...action, value: listOf(23_255, '1e40') }, 0)).rejects.toMatchObject({
      code: '54000',
    })
    // What nobody can be refused is kept all the same.
    await keeping().append([note(listOf(26_000, '1e40'))])
    expect((await weighs()).at(-1)).toBeGreaterThan(1_000_000)
  }, 60_000)

  it('have large and small numbers as they were sent, and texts that only look like them', async () => {
    const payload = `{"large":1e308,"small":${listOf(500, '6.02e-23')},"text":"\\"1e131071 0e999999"}`
    await keeping().append([note(payload)])
    const { events } = await keeping().latest('room:1', false, wish)
    expect(events.map(({ json }) => JSON.parse(json) as unknown)).toEqual([JSON.parse(payload)])
  })

  it('are read from the latest on without walking all that may be read, and further back past what is newer', async () => {
    await db.exec(`insert into msc_feed.events (topic, event, payload, bytes, private, xid, snapshot)
      select 'room:1', 'note', '{}', 2, false, pg_current_xact_id(), pg_current_snapshot() from generate_series(1, 20000)`)
    await db.exec('analyze msc_feed.events')
    let plan = ''
    const explained = keepingBy(async (text, values) => {
      const rows = await db.query<{ 'QUERY PLAN': string }>(`explain (analyze, costs off, timing off) ${text}`, values)
      plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      return []
    })
    const mostRows = (): number =>
      Math.max(...Array.from(plan.matchAll(/actual rows=(\d+)/g), ([, rows]) => Number(rows)))
    await explained.latest('room:1', false, wish)
    expect(mostRows()).toBeLessThan(100)
    expect(plan).not.toContain('Seq Scan on events')
    const ids = await db.query<{ id: string }>(
      `select 'f' || e.id as id from msc_feed.events as e order by e.id desc limit 501`,
    )
    await explained.latest('room:1', false, { ...wish, before: ids[499]?.id })
    expect(mostRows()).toBe(500)
    await explained.latest('room:1', false, { ...wish, before: ids[499]?.id, newest: 50 })
    expect(mostRows()).toBe(50)
  }, 60_000)

  it('are read as far back as the rule says, by pages and by their ids', async () => {
    const ids = await keeping().append(['1', '2', '3', '4', '5'].map(note))
    const read = async (more: Partial<LatestWish>): Promise<unknown> => {
      const { events, more: isMore } = await keeping().latest('room:1', false, { ...wish, newest: 3, ...more })
      return [events.map(({ json }) => json).join(), isMore]
    }
    expect(await read({})).toEqual(['3,4,5', false])
    expect(await read({ max: 3 })).toEqual(['3,4,5', false])
    expect(await read({ max: 2 })).toEqual(['4,5', true])
    expect(await read({ before: ids[3], max: 2 })).toEqual(['3', false])
    expect(await read({ before: ids[4], max: 1 })).toEqual(['4', true])
    expect(await read({ before: ids[2] })).toEqual(['', false])
    expect(await read({ id: ids[2] })).toEqual(['3', false])
    expect(await read({ id: ids[1] })).toEqual(['', false])
  })
})
