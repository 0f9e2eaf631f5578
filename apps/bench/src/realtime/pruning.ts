import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '@msc/core/testing/postgres'
import { feedMigration, feedSource, realtimeSchema, type PostgresClient } from '@msc/realtime/server'
import pg from 'pg'
import { atLeast, exactly, target } from '../targets.ts'

const RATE = 4000
const BATCH = 200
/** Rows that are too old when the source first looks, a minute after its start: as after a day without one. */
const BACKLOG = 200_000
const SECONDS = 190

/** A database that is written to without pause, and whose outbox has rows that are too old: whether it stays as small as it should. */
export async function benchRealtimePruning(): Promise<void> {
  console.log('\n## Feeds: pruning under load')
  const server = await startPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: 6 })
  const client = pool as unknown as PostgresClient
  await pool.query(realtimeSchema())
  await pool.query('create table items (owner text, n int)')
  await pool.query(feedMigration([{ table: 'items', owner: 'owner' }]))
  await pool.query(
    `insert into msc_feed.events (topic, event, payload, bytes, xid, snapshot, inserted_at)
       select 'feed:items:b', 'INSERT', '{}', 2, pg_current_xact_id(), pg_current_snapshot(), now() - interval '1 hour'
         from generate_series(1, $1::int)`,
    [BACKLOG],
  )
  let heard = 0
  const source = feedSource({ client, keep: '10s' })
  await source.start(() => (heard += 1))

  const from = performance.now()
  let written = 0
  let most = 0
  const over = new AbortController()
  const sizes: number[] = []
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await sleep(1000)
      const { rows } = await pool.query<{ n: string }>('select count(*) as n from msc_feed.events')
      most = Math.max(most, Number(rows[0]?.n))
      sizes.push(Number(rows[0]?.n))
    }
  }
  const watching = watch()
  while (performance.now() - from < SECONDS * 1000) {
    await pool.query(`insert into items select 'a', n from generate_series(1, ${BATCH}) as n`)
    written += BATCH
    await sleep(Math.max(0, from + (written / RATE) * 1000 - performance.now()))
  }
  over.abort()
  await watching
  const seconds = (performance.now() - from) / 1000
  const least = Math.min(...sizes.slice(120))
  console.log(
    `  ${written} rows in ${seconds.toFixed(0)} s, ${heard} heard; the outbox had ${most} at most, ${least} after the third look`,
  )
  atLeast('rows written in a second', written / seconds, RATE * 0.98, '')
  // Ten seconds' worth is kept, and as much again may come while old rows are deleted.
  target('rows that are left when it has looked', least, RATE * 20, 'rows')
  target('late, when it last looked', source.stats?.().pruneLagMs ?? Infinity, 5000, 'ms')
  exactly('rows not heard', written - heard, 0, '')
  await source.close()
  await pool.end()
  await server.close()
}
