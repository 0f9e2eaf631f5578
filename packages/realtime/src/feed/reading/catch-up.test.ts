import { createManualClock } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { quietClient, type QuietClient } from '../../testing/quiet-client.ts'
import { feedSource, type FeedMessage, type FeedSource, type FeedSourceOptions } from '../source.ts'

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'what was written while nobody listened, on %s',
  (_name, open) => {
    let db: TestDatabase
    let quiet: QuietClient
    let source: FeedSource
    let heard: string[] = []
    let onMissed: (() => Promise<void>) | undefined
    beforeAll(async () => {
      db = await open()
    })
    afterAll(() => db.close())
    afterEach(async () => {
      quiet.answer()
      await source.close()
      await db.exec('delete from items; delete from msc_feed.events')
    })

    const say = ({ kind, topic, payload, action }: FeedMessage): string => {
      const { record, user } = (payload ?? {}) as { readonly record?: { readonly n: number }; readonly user?: string }
      return [kind, topic, record?.n ?? user ?? action?.action]
        .filter((part) => part !== '' && part !== undefined)
        .join(' ')
    }
    const start = async (
      mode: 'polling' | 'listening' = 'polling',
      options: Partial<FeedSourceOptions> = {},
    ): Promise<void> => {
      heard = []
      quiet = quietClient(db, mode)
      source = feedSource({ client: quiet.client, onError: () => undefined, ...options })
      await source.start((message) => {
        heard.push(say(message))
        if (message.kind === 'missed') void onMissed?.()
      })
    }
    const insert = (owner: string, n: number): Promise<unknown> =>
      db.query('insert into items (owner, n) values ($1, $2)', [owner, n])
    const sendAway = (user: string): Promise<unknown> =>
      db.query(`select msc_feed.send_away('feed:items:a', $1)`, [user])
    const prune = async (): Promise<void> => {
      await db.query(`update msc_feed.events set inserted_at = now() - interval '2 hours'`)
      await db.query(`select msc_feed.prune('1 hour', 10000)`)
    }

    it('is read from the oldest that is there where some of it is gone, after that was said once', async () => {
      await start()
      await insert('a', 1)
      await expect.poll(() => heard).toEqual(['row feed:items:a 1'])
      await quiet.hold()
      await insert('a', 2)
      await prune()
      await insert('a', 3)
      quiet.answer()
      await expect.poll(() => heard.slice(1)).toEqual(['missed', 'row feed:items:a 3'])
      await insert('a', 4)
      await expect.poll(() => heard.slice(1)).toEqual(['missed', 'row feed:items:a 3', 'row feed:items:a 4'])
    })

    it('is said to be gone again where more of it is gone since that was said, and not where it was gone before', async () => {
      await start()
      await insert('a', 1)
      await expect.poll(() => heard).toEqual(['row feed:items:a 1'])
      await quiet.hold()
      await insert('a', 2)
      await prune()
      // Whoever is told comes back and reads up to here, while the next page is being asked for.
      onMissed = async () => {
        onMissed = undefined
        await quiet.hold()
        await insert('a', 3)
        await prune()
        await insert('a', 4)
        quiet.answer()
      }
      quiet.answer()
      await expect.poll(() => heard.slice(1)).toEqual(['missed', 'missed', 'row feed:items:a 4'])
    })

    it('is said to be gone once where it was written before that was said, however often more is pruned', async () => {
      await start()
      await insert('a', 1)
      await expect.poll(() => heard).toEqual(['row feed:items:a 1'])
      await quiet.hold()
      for (let n = 2; n <= 4; n++) await insert('a', n)
      const pruneFirst = async (): Promise<void> => {
        await db.query(`update msc_feed.events set inserted_at = now() - interval '2 hours' where id = (
          select min(id) from msc_feed.events)`)
        await db.query(`select msc_feed.prune('1 hour', 10000)`)
      }
      await pruneFirst()
      await pruneFirst()
      onMissed = async () => {
        onMissed = undefined
        await quiet.hold()
        await pruneFirst()
        quiet.answer()
      }
      quiet.answer()
      await expect.poll(() => heard.slice(1)).toEqual(['missed', 'row feed:items:a 4'])
    })

    it('is all read after a quiet time, however much of what had been heard is pruned', async () => {
      const clock = createManualClock()
      await start('listening', { clock })
      await insert('a', 1)
      await clock.advance(60_000)
      await expect.poll(() => heard).toEqual(['row feed:items:a 1'])
      await expect.poll(() => source.stats?.().lagMs).toBe(0)
      // Nothing is written, and the position goes on by itself.
      await prune()
      await insert('a', 2)
      await clock.advance(60_000)
      await expect.poll(() => heard.slice(1)).toEqual(['row feed:items:a 2'])
    })

    it('tells who was taken out before all rows, which may have been committed after that, on whatever page', async () => {
      await start()
      await quiet.hold()
      await db.query(`insert into items (owner, n) select 'a', n from generate_series(1, 700) as n`)
      await sendAway('first')
      await db.query(`insert into items (owner, n) select 'a', n from generate_series(701, 1400) as n`)
      for (let n = 0; n < 3; n++) await sendAway(`${n}`)
      quiet.answer()
      await expect.poll(() => heard.length).toBe(1404)
      expect(heard).toEqual([
        ...['first', '0', '1', '2'].map((user) => `access feed:items:a ${user}`),
        ...Array.from({ length: 1400 }, (_, index) => `row feed:items:a ${index + 1}`),
      ])
    })

    it('is of another history: that is said, and what comes then goes on', async () => {
      await start()
      await insert('a', 1)
      await expect.poll(() => heard).toEqual(['row feed:items:a 1'])
      await quiet.hold()
      await db.query('update msc_feed.state set epoch = gen_random_uuid()')
      await insert('a', 2)
      quiet.answer()
      await expect.poll(() => heard.slice(1)).toEqual(['missed'])
      await insert('a', 3)
      await expect.poll(() => heard.slice(1)).toEqual(['missed', 'row feed:items:a 3'])
    })

    it('is not told where it was deleted meanwhile; the deletion is', async () => {
      await start()
      await quiet.hold()
      const [row] = await db.query<{ id: string }>(`select msc_feed.publish('room:1', 'note', '{"n":1}', false) as id`)
      const act = (action: string, value: string): Promise<unknown> =>
        db.query(`select msc_feed.act('room:1', false, $1, $2, $3, 'a', now() - interval '1 hour', 50, 1000)`, [
          row?.id,
          action,
          value,
        ])
      await act('update', '{"n":2}')
      await act('delete', 'null')
      quiet.answer()
      await expect.poll(() => heard).toEqual(['action room:1 delete'])
    })

    it('waits for what has to happen before anything may have been missed, and before a table was emptied', async () => {
      const asked: string[] = []
      await start('polling', {
        async before(message) {
          asked.push(`${say(message)}, of ${String(message.payload['table'])}, after ${heard.length}`)
        },
      })
      await quiet.hold()
      await insert('a', 1)
      await prune()
      await db.exec('truncate items')
      await insert('a', 2)
      quiet.answer()
      const told = ['missed', 'emptied feed:items:', 'row feed:items:a 2']
      await expect.poll(() => heard).toEqual(told)
      expect(asked).toEqual([
        'missed, of undefined, after 0',
        'emptied feed:items:, of items, after 1',
        'row feed:items:a 2, of items, after 2',
      ])
    })
  },
)
