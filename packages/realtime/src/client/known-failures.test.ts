// What users of realtime libraries run into today, one test each: here it does not happen. Against real sockets, our own
// driver and the vendor's SDK alike.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createManualClock } from '@msc/core/testing'
import { createRealtime, type Realtime, type RealtimeOptions } from '../create-realtime.ts'
import type { RealtimeDriver } from '../driver.ts'
import { embedded } from '../drivers/embedded.ts'
import { supabase } from '../drivers/supabase.ts'
import { feedSource } from '../feed/source.ts'
import { openPglite, type TestDatabase } from '../testing/test-database.ts'
import { startRealtimeServer, type StandaloneServer } from '../server/index.ts'
import { startChaosProxy, type ChaosProxy } from '@msc/core/testing'
import { createFakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
const drivers: [string, (url: string, apiKey: string) => RealtimeDriver][] = [
  ['embedded', (url, apiKey) => embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: WebSocket as never })],
  ['supabase', (url, anonKey) => supabase({ url, anonKey })],
]
let db: TestDatabase
beforeAll(async () => {
  db = await openPglite()
})
afterAll(() => db.close())

describe.each(drivers)('with %s', (_name, create) => {
  let server: StandaloneServer
  let network: ChaosProxy
  let apiKey: string
  const clients: Realtime[] = []
  beforeEach(async () => {
    apiKey = await signTestToken(secret, { role: 'anon' })
    server = await startRealtimeServer({
      jwtSecret: secret,
      authorize: ({ claims, topic, action }) => action === 'read' && topic === `feed:items:${claims.sub}`,
      feeds: feedSource({ client: db.client }),
      // Two hundred users of one machine.
      limits: { perAddress: false },
    })
    await server.ready
    network = await startChaosProxy(server.port)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()))
    await network.close()
    await server.close()
    await db.exec('delete from items')
  })
  const connect = (user: string, options: Partial<RealtimeOptions> = {}): Realtime => {
    const client = createRealtime({
      driver: create(`http://127.0.0.1:${network.port}`, apiKey),
      getToken: () => signTestToken(secret, { sub: user }),
      random: () => 0,
      timeoutMs: 3000,
      ...options,
    })
    clients.push(client)
    return client
  }
  const insert = (owner: string, n: number): Promise<unknown> =>
    db.query('insert into items (owner, n) values ($1, $2)', [owner, n])
  const connected = (client: Realtime): Promise<void> =>
    expect
      .poll(() => client.status)
      .toBe('connected')
      .then(() => undefined)
  const listen = (client: Realtime, user = 'a'): number[] => {
    const heard: number[] = []
    client.feed<{ n: number }>('items', user, ({ data }) => heard.push(data.n))
    return heard
  }

  it('a rejoin never shows an old token', async () => {
    let asked = 0
    const expired = await signTestToken(secret, { sub: 'a' }, -10)
    const client = connect('a', {
      // The second is stale, as after a sleep; what the server refuses is not shown again.
      getToken: () => (++asked === 2 ? expired : signTestToken(secret, { sub: 'a' })),
    })
    const heard = listen(client)
    await connected(client)
    network.kill()
    await expect.poll(() => asked).toBeGreaterThanOrEqual(3)
    await connected(client)
    await insert('a', 1)
    await expect.poll(() => heard).toEqual([1])
  })

  it('a topic that the server closed when its token ended comes back', async () => {
    let asked = 0
    const client = connect('a', {
      getToken: () => {
        asked += 1
        // Renewals fail too, so the end comes.
        if (asked === 2) throw new Error('the session service is away')
        return signTestToken(secret, { sub: 'a' }, asked === 1 ? 2 : 3600)
      },
    })
    const heard = listen(client)
    await connected(client)
    await expect.poll(() => asked, { timeout: 15_000 }).toBeGreaterThanOrEqual(3)
    await insert('a', 1)
    await expect.poll(() => heard).toEqual([1])
    await connected(client)
  })

  it('what is written right after `ready` arrives', async () => {
    const client = connect('a')
    const channel = client.channel('feed:items:a', { private: true })
    const heard: unknown[] = []
    channel.on('INSERT', ({ record }) => heard.push((record as { n: number }).n))
    await channel.ready
    await insert('a', 1)
    await expect.poll(() => heard, { timeout: 1000 }).toEqual([1])
  })

  it('what happens while the connection is lost arrives, also where nothing had come before', async () => {
    const client = connect('a')
    const heard = listen(client)
    await connected(client)
    network.refuse(true)
    network.kill()
    await expect.poll(() => client.status).toBe('reconnecting')
    await insert('a', 1)
    await db.query('update items set n = 2')
    network.refuse(false)
    await expect.poll(() => heard).toEqual([1, 2])
  })

  it('two components may listen to one topic, whichever comes first and whichever leaves', async () => {
    const client = connect('a')
    const first = listen(client)
    await connected(client)
    const heard: number[] = []
    const stop = client.feed<{ n: number }>('items', 'a', ({ data }) => heard.push(data.n))
    await insert('a', 1)
    await expect.poll(() => [first, heard]).toEqual([[1], [1]])
    stop()
    await insert('a', 2)
    await expect.poll(() => first).toEqual([1, 2])
    expect(heard).toEqual([1])
  })

  it('a DELETE goes to the owner of what was deleted, and to nobody else', async () => {
    const [mine, theirs] = [listen(connect('a')), listen(connect('b'), 'b')]
    await Promise.all(clients.map(connected))
    await insert('a', 1)
    await db.query('delete from items')
    await insert('b', 2)
    await expect.poll(() => [mine, theirs]).toEqual([[1, 1], [2]])
  })

  it('presence is on for whoever tracks, heard or not, and an update looks like one', async () => {
    const [watching, tracking] = [connect('a'), connect('b')]
    const states: unknown[] = []
    watching.channel('lobby', { presenceKey: 'a' }).onPresence((state) => states.push(state['b']))
    await connected(watching)
    // It listens to nothing.
    const channel = tracking.channel('lobby', { presenceKey: 'b' })
    await channel.track({ page: 1 })
    await expect.poll(() => states.at(-1)).toEqual([{ page: 1 }])
    const from = states.length
    for (let page = 2; page <= 5; page++) await channel.track({ page })
    await expect.poll(() => states.at(-1)).toEqual([{ page: 5 }])
    // Never gone in between, and never there twice.
    for (const state of states.slice(from)) expect(state).toHaveLength(1)
  })

  it('a listener may leave, join and close from within itself', async () => {
    const client = connect('a')
    let calls = 0
    const channel = client.channel('room')
    client.onStatus((status) => {
      calls += 1
      if (status === 'closed') return
      channel.leave()
      client.channel(`room ${calls % 3}`).leave()
    })
    await expect.poll(() => client.status).toBe('idle')
    await client.close()
    expect(calls).toBeLessThan(20)
  })
})

it('two hundred clients whose server was away come back over seconds, not at once', async () => {
  const clock = createManualClock(Date.now())
  const fakes = Array.from({ length: 200 }, createFakeRealtime)
  const clients = fakes.map(({ driver }) => {
    const client = createRealtime({ driver, clock })
    client.channel('room')
    return client
  })
  await clock.advance(0)
  for (const fake of fakes) fake.drop('room', 1200)
  const back: number[] = []
  for (let ms = 0; ms < 4000; ms += 50) {
    await clock.advance(50)
    const now = fakes.filter(({ received }) => received.filter(({ what }) => what === 'subscribe').length > 1).length
    back.push(now - back.reduce((sum, count) => sum + count, 0))
  }
  expect(back.reduce((sum, count) => sum + count, 0)).toBe(200)
  // Spread evenly a slice of 50 ms has about nine; a thundering herd would be in one or two.
  expect(Math.max(...back)).toBeLessThan(40)
  expect(back.filter((count) => count > 0).length).toBeGreaterThan(15)
  await Promise.all(clients.map((client) => client.close()))
})
