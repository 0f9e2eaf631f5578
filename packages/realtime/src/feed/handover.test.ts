import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver } from '../driver.ts'
import { embedded } from '../drivers/embedded.ts'
import { supabase } from '../drivers/supabase.ts'
import { SseSocket } from '../fallback/sse-socket.ts'
import { feedPosition, startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { databases, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { feedSource } from './source.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
interface Item {
  readonly n: number
}
const OF_ANOTHER = '00000000-0000-4000-8000-000000000000:9:9:'

const ways: readonly [string, (url: string, apiKey: string) => RealtimeDriver][] = [
  ['WebSockets', (url, apiKey) => embedded({ url, apiKey, WebSocket: WebSocket as never, heartbeatMs: 300 })],
  ['event streams', (url, apiKey) => embedded({ url, apiKey, WebSocket: SseSocket, heartbeatMs: 300 })],
  ['Supabase’s SDK', (url, anonKey) => supabase({ url: url.replace('/realtime/v1', ''), anonKey, version: '2.0.0' })],
]

describe.each(ways)('a position that a server handed over with its rows, over %s', (way, create) => {
  let db: TestDatabase
  let server: StandaloneServer
  let proxy: ChaosProxy
  let apiKey: string
  const clients: Realtime[] = []
  beforeAll(async () => {
    // Postgres for one of them, where it is here.
    const openDatabase = databases.at(way === 'event streams' ? -1 : 0)
    db = await (openDatabase as () => Promise<TestDatabase>)()
    server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: ({ claims, topic, action }) => action === 'read' && topic === `feed:items:${claims.sub}`,
      feeds: feedSource({ client: db.client }),
    })
    await server.ready
    proxy = await startChaosProxy(server.port)
    apiKey = await signTestToken(secret, { role: 'anon' })
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await db.exec('delete from items')
  })
  afterAll(async () => {
    await proxy.close()
    await server.close()
    await db.close()
  })
  const connect = (): Realtime => {
    const client = createRealtime({
      driver: create(`http://127.0.0.1:${proxy.port}/realtime/v1`, apiKey),
      getToken: () => signTestToken(secret, { sub: 'a' }),
      random: () => 0,
      timeoutMs: 2000,
    })
    clients.push(client)
    return client
  }
  const insert = (n: number): Promise<unknown> => db.query('insert into items (owner, n) values ($1, $2)', ['a', n])
  /** Opens a feed as a page does that was rendered with what there was at the position. */
  const open = (client: Realtime, from: string): { readonly heard: unknown[] } => {
    const heard: unknown[] = []
    client.feed<Item>('items', 'a', {
      from,
      snapshot: () => db.query<Item>('select n from items order by n'),
      onSnapshot: (rows) => heard.push(['all', rows.length]),
      onChange: ({ data }) => heard.push(data.n),
      onGap: () => heard.push('gap'),
    })
    return { heard }
  }

  it('is gone on from, and nothing is loaded anew', async () => {
    await insert(1)
    const from = await feedPosition(db.client)
    await insert(2)
    const { heard } = open(connect(), from)
    await expect.poll(() => heard).toEqual([2])
    await insert(3)
    await expect.poll(() => heard).toEqual([2, 3])
  })

  it('of another history, or none, is a gap, and everything is loaded', async () => {
    await insert(1)
    for (const from of [OF_ANOTHER, 'nothing of ours']) {
      const { heard } = open(connect(), from)
      await expect.poll(() => heard).toEqual(['gap', ['all', 1]])
    }
  })

  it('is gone on from where others catch up on more', async () => {
    const client = connect()
    const others = open(client, await feedPosition(db.client))
    await expect.poll(() => client.status).toBe('connected')
    proxy.refuse(true)
    proxy.kill()
    await expect.poll(() => client.status).toBe('reconnecting')
    await insert(1)
    await insert(2)
    const { heard } = open(client, await feedPosition(db.client))
    await insert(3)
    proxy.refuse(false)
    await expect.poll(() => others.heard).toEqual([1, 2, 3])
    await insert(4)
    await expect.poll(() => heard.at(-1)).toBe(4)
    expect(heard).toEqual([3, 4])
  })

  it(
    'is each subscriber’s own, whoever hears the feed already, while connections break',
    { timeout: 60_000 },
    async () => {
      const client = connect()
      const opened: { readonly begins: number; readonly heard: unknown[] }[] = []
      let handed = await feedPosition(db.client)
      let begins = 0
      for (let n = 1; n <= 60; n++) {
        await insert(n)
        // The page was rendered some changes ago.
        if (n % 3 === 0) opened.push({ begins, ...open(client, handed) })
        if (n % 5 === 0) {
          handed = await feedPosition(db.client)
          begins = n
        }
        if (n % 20 === 10) proxy.kill()
      }
      for (const { begins: after, heard } of opened) {
        const missed = Array.from({ length: 60 - after }, (_each, index) => after + 1 + index)
        await expect.poll(() => heard, { timeout: 15_000 }).toEqual(missed)
      }
    },
  )
})
