import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createRealtime } from '../create-realtime.ts'
import { embedded } from '../drivers/embedded.ts'
import { startRealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'
import { feedSource } from './source.ts'
import { openPglite } from '../testing/test-database.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const ROWS = 4000

it('drops whoever does not read, and brings them everything once they do', { timeout: 60_000 }, async () => {
  const db = await openPglite()
  const server = await startRealtimeServer({
    jwtSecret: secret,
    authorize: ({ claims, topic }) => topic === `feed:items:${claims.sub}`,
    feeds: feedSource({ client: db.client }),
    limits: { bufferedBytes: 200_000 },
  })
  await server.ready
  const sockets: WebSocket[] = []
  class Recorded extends WebSocket {
    constructor(url: string) {
      super(url)
      sockets.push(this)
    }
  }
  const client = createRealtime({
    driver: embedded({ url: `${server.url}/realtime/v1`, WebSocket: Recorded as never }),
    getToken: () => signTestToken(secret, { sub: 'a' }),
    random: () => 0,
  })
  const heard: number[] = []
  const gaps: string[] = []
  client.feed<{ n: number }>(
    'items',
    'a',
    ({ data }) => heard.push(data.n),
    () => gaps.push('gap'),
  )
  await expect.poll(() => client.status).toBe('connected')

  sockets[0]?.pause()
  // More than the buffers of the system hold.
  await db.query(
    `insert into items (owner, n, note) select 'a', i, repeat('x', 4000) from generate_series(1, $1) as i`,
    [ROWS],
  )
  await expect.poll(() => server.stats().connections, { timeout: 30_000 }).toBe(0)
  expect(heard.length).toBeLessThan(ROWS)
  sockets[0]?.resume()
  await expect.poll(() => heard.length, { timeout: 30_000 }).toBe(ROWS)
  expect(heard).toEqual(Array.from({ length: ROWS }, (_, index) => index + 1))
  expect([gaps, sockets.length]).toEqual([[], 2])
  await client.close()
  await server.close()
  await db.close()
})
