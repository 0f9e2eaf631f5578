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

  it.each([
    ['while that is told', true],
    ['later', false],
  ])(
    'says again that something may be missed where it ends after other rows were lost, %s',
    async (_when, isAtOnce) => {
      const heard: string[] = []
      const quiet = quietClient(db, 'polling')
      let onMissed: (() => Promise<void>) | undefined
      source = feedSource({ client: quiet.client, onError: () => undefined })
      await source.start((message) => {
        heard.push(say(message))
        if (message.kind === 'missed') void onMissed?.()
      })
      const other = await db.pool?.connect()
      const end = async (): Promise<void> => {
        await other?.query('commit')
        other?.release()
      }
      await other?.query('begin')
      await other?.query(`insert into items (owner, n) values ('a', 1)`)
      await insert(2)
      await expect.poll(() => heard).toEqual(['row 2'])
      await quiet.hold()
      await insert(3)
      await prune()
      await insert(4)
      // Whoever is told comes back and asks where the feed is, before the next page is read.
      onMissed = async () => {
        onMissed = undefined
        await quiet.hold()
        if (isAtOnce) await end()
        quiet.answer()
      }
      quiet.answer()
      if (!isAtOnce) {
        await expect.poll(() => heard).toEqual(['row 2', 'missed', 'row 4'])
        await end()
      }
      await expect.poll(() => heard.filter((each) => each === 'missed')).toHaveLength(2)
      await insert(5)
      await expect.poll(() => heard.at(-1)).toBe('row 5')
      expect(heard.filter((each) => each === 'missed')).toHaveLength(2)
    },
  )
})
