import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { feedSource } from '../../feed/source.ts'
import { openRaw } from '../../testing/raw-socket.ts'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
// A transaction that waits while another ends needs connections of its own.
const several = databases.filter(({ name }) => name === 'openPostgres')

describe.each(several)('messages that are kept in Postgres', (open) => {
  let db: TestDatabase
  let server: StandaloneServer
  beforeAll(async () => {
    db = await open()
    await db.exec(`create function public.held_up() returns trigger language plpgsql as
      $$ begin if new.topic = 'room:slow' then perform pg_advisory_xact_lock(1); end if; return new; end $$;
      create trigger held_up before insert on msc_feed.events for each row execute function public.held_up()`)
    server = await startRealtimeServer({
      jwtSecret,
      authorize: () => true,
      feeds: feedSource({ client: db.client }),
      history: [{ topics: 'room:*' }],
      onError: () => undefined,
    })
    await server.ready
  })
  afterAll(async () => {
    await server.close()
    await db.close()
  })

  it('wait for a write that hangs in their own room alone', async () => {
    const token = await signTestToken(jwtSecret, { sub: 'ana' })
    const socket = await openRaw(server.url, token)
    for (const topic of ['room:1', 'room:slow']) await socket.ask(`realtime:${topic}`, 'phx_join', { config: {} })
    const topics = (): unknown[] => socket.heard.map(([topic]) => topic)
    const lock = await db.pool?.connect()
    await lock?.query('begin')
    await lock?.query('select pg_advisory_xact_lock(1)')
    const held = server.publish({ topic: 'room:slow', event: 'e', payload: {}, private: false })
    for (let n = 0; n < 3; n++) await server.publish({ topic: 'room:1', event: 'e', payload: { n }, private: false })
    await expect.poll(topics).toEqual(Array.from({ length: 3 }, () => 'realtime:room:1'))
    await lock?.query('rollback')
    lock?.release()
    await held
    await expect.poll(() => topics().at(-1)).toBe('realtime:room:slow')
    socket.socket.terminate()
  })
})
