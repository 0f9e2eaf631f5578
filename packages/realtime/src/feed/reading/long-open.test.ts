import { createManualClock } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { quietClient } from '../../testing/quiet-client.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { CATCH_UP } from './queries.ts'
import { feedSource, type FeedMessage, type FeedSource } from '../source.ts'

const [, openPostgres] = databases

describe.skipIf(!openPostgres)('while a transaction stays open for longer than rows are kept', () => {
  let db: TestDatabase
  let source: FeedSource
  beforeAll(async () => {
    if (openPostgres) db = await openPostgres()
  })
  afterEach(() => source.close())
  afterAll(() => db.close())

  const say = ({ kind, payload }: FeedMessage): string =>
    `${kind} ${(payload as { readonly record?: { readonly n: number } }).record?.n ?? ''}`.trim()
  const insert = (n: number): Promise<unknown> => db.query(`insert into items (owner, n) values ('a', $1)`, [n])
  const prune = async (): Promise<void> => {
    await db.query(`update msc_feed.events set inserted_at = now() - interval '2 hours'`)
    await db.query(`select msc_feed.prune('1 hour', 10000)`)
  }

  it('misses nothing by what others wrote and was pruned, and once it ends says a single time that something may be', async () => {
    const clock = createManualClock()
    const heard: string[] = []
    const { client } = quietClient(db, 'listening')
    let looks = 0
    const query: typeof client.query = async (text, values) => {
      const answer = await client.query(text, values)
      if (text === CATCH_UP) looks += 1
      return answer
    }
    source = feedSource({ client: { ...client, query }, clock, onError: () => undefined })
    await source.start((message) => heard.push(say(message)))
    const other = await db.pool?.connect()
    await other?.query('begin')
    await other?.query(`insert into items (owner, n) values ('a', 1)`)
    const look = async (): Promise<void> => {
      const looked = looks
      await clock.advance(60_000)
      await expect.poll(() => looks).toBeGreaterThan(looked)
    }
    try {
      for (const n of [2, 3]) await insert(n)
      await look()
      expect(heard).toEqual(['row 2', 'row 3'])
      await prune()
      for (let n = 0; n < 3; n++) await look()
      expect(heard).toEqual(['row 2', 'row 3'])
      const cursor = await db.query<{ cursor: string }>('select cursor from msc_feed.unheard(null, null, 0)')
      const gap = `select gap from msc_feed.unheard('feed:items:a', $1, 10)`
      expect(await db.query(gap, [cursor[0]?.cursor])).toEqual([{ gap: false }])
    } finally {
      await other?.query('commit')
      other?.release()
    }
    for (let n = 0; n < 3; n++) await look()
    expect(heard).toEqual(['row 2', 'row 3', 'missed'])
  })
})
