import type { PostgresClient } from '@msc/core/postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { quietClient, type QuietClient } from '../../testing/quiet-client.ts'
import { openPglite, type TestDatabase } from '../../testing/test-database.ts'
import { feedSource, type FeedSource } from '../source.ts'

let db: TestDatabase
let quiet: QuietClient
let source: FeedSource
const heard: string[] = []
beforeAll(async () => {
  db = await openPglite()
  quiet = quietClient(db)
  // Its answers can be kept waiting, and it announces what is written.
  const client: PostgresClient = new Proxy(db.client, {
    get(own, key) {
      const value: unknown = Reflect.get(key === 'query' ? quiet.client : own, key)
      return typeof value === 'function' ? value.bind(own) : value
    },
  })
  source = feedSource({ client, onError: () => undefined })
  await source.start(({ kind, payload }) => {
    const { record } = payload as { readonly record?: { readonly n: number } }
    heard.push(`${kind} ${record?.n ?? ''}`.trim())
  })
})
afterAll(async () => {
  await source.close()
  await db.close()
})

const insert = (n: number): Promise<unknown> => db.query(`insert into items (owner, n) values ('a', $1)`, [n])

it('says that something was missed where a row that was announced is gone when it is read', async () => {
  await insert(1)
  await expect.poll(() => heard).toEqual(['row 1'])
  await quiet.hold()
  await insert(2)
  await expect.poll(() => source.stats?.().waiting).toBe(1)
  await db.query(`update msc_feed.events set inserted_at = now() - interval '2 hours'`)
  await db.query(`select msc_feed.prune('1 hour', 10000)`)
  await insert(3)
  quiet.answer()
  await expect.poll(() => heard.slice(1)).toEqual(['missed', 'row 3'])
})

it('misses nothing by an announcement of what never was', async () => {
  const before = heard.length
  for (const id of ['123456789012345678', '9999999999999999999', 'x'])
    await db.query(`select pg_notify('msc_feed', $1)`, [id])
  await insert(4)
  await expect.poll(() => heard.slice(before)).toEqual(['row 4'])
  await expect.poll(() => source.stats?.().waiting).toBe(0)
})

it.each([
  ['as it was', (id: string) => id],
  ['in another way', (id: string) => `0${id}`],
])('reads on where a large row is announced several times over, %s', async (_how, written) => {
  await db.query(`select msc_feed.publish('feed:notes:a', 'x', jsonb_build_object('text', repeat('x', 999000)))`)
  const [large] = await db.query<{ id: string }>('select max(id)::text as id from msc_feed.events')
  await expect.poll(() => source.stats?.().waiting).toBe(0)
  const before = heard.length
  await quiet.hold()
  await insert(5)
  await expect.poll(() => source.stats?.().waiting).toBe(1)
  // More than fit into one answer.
  for (let n = 0; n < 6; n++) await db.query(`select pg_notify('msc_feed', $1)`, [written(String(large?.id))])
  await insert(6)
  await expect.poll(() => source.stats?.().waiting).toBe(written('1') === '1' ? 3 : 2)
  quiet.answer()
  await expect.poll(() => heard.slice(before)).toEqual(['row 5', 'row 6'])
  await expect.poll(() => source.stats?.().waiting).toBe(0)
})
