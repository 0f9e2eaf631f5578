import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { feedSource } from '../../feed/source.ts'
import { openPglite } from '../../testing/test-database.ts'
import { openRaw } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer } from '../index.ts'
import { createRooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import { createHistory } from './history.ts'
import { createMemoryStore } from './memory-store.ts'
import { keepingBy } from './rules.ts'
import type { HistoryStore } from './store.ts'

it('has a gap of what is older than its rule, where the store keeps it longer', async () => {
  const clock = createManualClock(Date.now())
  const rooms = createRooms(createRuntime(clock))
  const meta = (minutes: number): { id: string; at: string; cursor: string } => ({
    id: `f${minutes}`,
    at: new Date(clock.now() - minutes * 60_000).toISOString(),
    cursor: 'c',
  })
  const store: HistoryStore = {
    ...createMemoryStore({ clock, report: () => undefined }),
    since: async () => ({
      events: [61, 59].map((minutes) => ({ event: 'e', json: '{}', meta: meta(minutes) })),
      cursor: 'now',
      gap: false,
      more: false,
    }),
  }
  const history = createHistory(keepingBy([{ topics: 'room', keep: '1h' }]), store, rooms, true)
  expect(await history.since('room', false, 'c')).toMatchObject({
    gap: true,
    cursor: 'now',
    events: [{ meta: { id: 'f59' } }],
  })
  history.close()
})

it('bounds what is replayed to whoever joins in the vendor’s way', async () => {
  const secret = 'a-secret-for-tests-that-is-long-enough-0123'
  const db = await openPglite()
  const server = await startRealtimeServer({
    jwtSecret: secret,
    authorize: () => true,
    feeds: feedSource({ client: db.client }),
    history: [{ topics: 'room:*', keep: '1h' }],
  })
  await server.ready
  for (const topic of ['room:1', 'other']) {
    for (const hours of [2, 0]) {
      await db.query(`select realtime.send(jsonb_build_object('hours', $1::int), 'note', $2, true)`, [hours, topic])
      await db.query(
        `update msc_feed.events set inserted_at = now() - make_interval(hours => $1::int) where (payload ->> 'hours')::int = $1::int`,
        [hours],
      )
    }
  }
  const socket = await openRaw(server.url, await signTestToken(secret, { sub: 'ana' }))
  const since = Date.now() - 3 * 3_600_000
  for (const topic of ['room:1', 'other']) {
    await socket.ask(`realtime:${topic}`, 'phx_join', { config: { private: true, broadcast: { replay: { since } } } })
  }
  const replayed = (): unknown[] =>
    socket.heard.flatMap(([topic, event, said]) =>
      event === 'broadcast' ? [[topic, (said as { payload: { hours: number } }).payload.hours]] : [],
    )
  await expect.poll(replayed).toEqual([
    ['realtime:room:1', 0],
    ['realtime:other', 2],
    ['realtime:other', 0],
  ])
  socket.socket.terminate()
  await server.close()
  await db.close()
}, 30_000)
