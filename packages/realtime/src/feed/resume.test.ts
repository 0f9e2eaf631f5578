import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createRealtime, type Change, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver } from '../driver.ts'
import { embedded } from '../drivers/embedded.ts'
import { supabase } from '../drivers/supabase.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { SseSocket } from '../fallback/sse-socket.ts'
import { signTestToken } from '../testing/tokens.ts'
import { feedSource } from './source.ts'
import { openPglite, type TestDatabase } from '../testing/test-database.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
interface Item {
  readonly n: number
}

const drivers: [string, (url: string, apiKey: string) => RealtimeDriver][] = [
  [
    'embedded',
    (url, apiKey) => embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: WebSocket as never, heartbeatMs: 300 }),
  ],
  [
    'server-sent events',
    (url, apiKey) => embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: SseSocket, heartbeatMs: 300 }),
  ],
  ['supabase 1.0.0', (url, anonKey) => supabase({ url, anonKey, version: '1.0.0' })],
  ['supabase 2.0.0', (url, anonKey) => supabase({ url, anonKey, version: '2.0.0' })],
]

let db: TestDatabase
beforeAll(async () => {
  db = await openPglite()
})
afterAll(() => db.close())

describe.each(drivers)('a feed over %s', (name, create) => {
  let server: StandaloneServer
  let proxy: ChaosProxy
  let apiKey: string
  const clients: Realtime[] = []
  const startServer = async (port?: number): Promise<StandaloneServer> => {
    const started = await startRealtimeServer({
      ...(port !== undefined && { port }),
      jwtSecret: secret,
      authorize: ({ claims, topic, action }) => action === 'read' && topic === `feed:items:${claims.sub}`,
      feeds: feedSource({ client: db.client }),
    })
    await started.ready
    return started
  }
  beforeAll(async () => {
    apiKey = await signTestToken(secret, { role: 'anon' })
  })
  beforeEach(async () => {
    server = await startServer()
    proxy = await startChaosProxy(server.port)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await proxy.close()
    await server.close()
    await db.exec('delete from items')
  })
  const connect = (user: string): Realtime => {
    const client = createRealtime({
      driver: create(`http://127.0.0.1:${proxy.port}`, apiKey),
      getToken: () => signTestToken(secret, { sub: user }),
      random: () => 0,
      timeoutMs: 2000,
    })
    clients.push(client)
    return client
  }
  const insert = (owner: string, n: number): Promise<unknown> =>
    db.query('insert into items (owner, n) values ($1, $2)', [owner, n])
  const numbers = (changes: readonly Change<Item>[]): number[] => changes.map(({ data }) => data.n)

  it('brings what was written while the connection was lost, in order, and says nothing of a gap', async () => {
    const heard: Change<Item>[] = []
    const gaps: string[] = []
    const client = connect('a')
    client.feed<Item>(
      'items',
      'a',
      (change) => heard.push(change),
      () => gaps.push('gap'),
    )
    await expect.poll(() => client.status).toBe('connected')
    await insert('a', 1)
    await expect.poll(() => numbers(heard)).toEqual([1])
    proxy.refuse(true)
    proxy.kill()
    await expect.poll(() => client.status).toBe('reconnecting')
    for (const n of [2, 3, 4]) await insert('a', n)
    await insert('b', 5)
    proxy.refuse(false)
    await expect.poll(() => numbers(heard)).toEqual([1, 2, 3, 4])
    await insert('a', 6)
    await expect.poll(() => numbers(heard)).toEqual([1, 2, 3, 4, 6])
    expect(gaps).toEqual([])
  })

  it('goes on where it was over a restart of the server, by more than one page', async () => {
    const heard: Change<Item>[] = []
    const client = connect('a')
    client.feed<Item>('items', 'a', (change) => heard.push(change))
    await expect.poll(() => client.status).toBe('connected')
    const { port } = server
    await server.close()
    await db.query(`insert into items (owner, n) select 'a', i from generate_series(1, 1234) as i`)
    server = await startServer(port)
    await expect.poll(() => heard.length).toBe(1234)
    expect(numbers(heard)).toEqual(Array.from({ length: 1234 }, (_, index) => index + 1))
  })

  it('says that there is a gap when history is gone, and loads everything anew', async () => {
    const heard: unknown[] = []
    const client = connect('a')
    await insert('a', 1)
    client.feed<Item>('items', 'a', {
      snapshot: () => db.query<Item>('select n from items where owner = $1 order by n', ['a']),
      onSnapshot: (rows) => heard.push(['all', rows.map(({ n }) => n)]),
      onChange: ({ data }) => heard.push(data.n),
      onGap: () => heard.push('gap'),
    })
    await expect.poll(() => heard).toEqual([['all', [1]]])
    proxy.refuse(true)
    proxy.kill()
    await expect.poll(() => client.status).toBe('reconnecting')
    await insert('a', 2)
    await db.exec('update msc_feed.state set epoch = gen_random_uuid()')
    proxy.refuse(false)
    await expect.poll(() => heard).toEqual([['all', [1]], 'gap', ['all', [1, 2]]])
    await insert('a', 3)
    await expect.poll(() => heard.at(-1)).toBe(3)
  })

  it('keeps changes back until the snapshot is there, and asks again for one that failed', async () => {
    const heard: unknown[] = []
    let answer = (_rows: Item[]): void => {}
    let asked = 0
    connect('a').feed<Item>('items', 'a', {
      snapshot: () => {
        asked += 1
        if (asked === 1) return Promise.reject(new Error('not now'))
        return new Promise<Item[]>((resolve) => (answer = resolve))
      },
      onSnapshot: (rows) => heard.push(['all', rows.length]),
      onChange: ({ data }) => heard.push(data.n),
    })
    await expect.poll(() => asked).toBe(2)
    await insert('a', 1)
    await insert('a', 2)
    // It has arrived, and has to wait.
    await expect.poll(async () => (await db.query('select 1 from msc_feed.events')).length).toBeGreaterThan(1)
    expect(heard).toEqual([])
    answer([])
    await expect.poll(() => heard).toEqual([['all', 0], 1, 2])
  })

  // By itself the vendor's SDK looks every 25 seconds. It takes as long with either protocol, so one is asked.
  if (name === 'supabase 1.0.0') return
  if (name === 'supabase 2.0.0') {
    it('finds out at once that the line is dead when the page wakes', { timeout: 20_000 }, async () => {
      const page = new EventTarget()
      vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
      try {
        const heard: Change<Item>[] = []
        const client = connect('a')
        client.feed<Item>('items', 'a', (change) => heard.push(change))
        await expect.poll(() => client.status).toBe('connected')
        page.dispatchEvent(new Event('visibilitychange'))
        proxy.freeze()
        await insert('a', 1)
        page.dispatchEvent(new Event('visibilitychange'))
        await expect.poll(() => numbers(heard), { timeout: 15_000 }).toEqual([1])
      } finally {
        vi.unstubAllGlobals()
      }
    })
    return
  }

  it('finds out by itself that the line is dead', async () => {
    const heard: Change<Item>[] = []
    const client = connect('a')
    client.feed<Item>('items', 'a', (change) => heard.push(change))
    await expect.poll(() => client.status).toBe('connected')
    proxy.freeze()
    await insert('a', 1)
    await expect.poll(() => numbers(heard)).toEqual([1])
  })
})
