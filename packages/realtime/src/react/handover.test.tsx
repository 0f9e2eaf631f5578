import { act, useEffect } from 'react'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { memory } from '../drivers/memory.ts'
import { feedSource } from '../feed/source.ts'
import { createRealtimeServer, feedPosition, type RealtimeServer } from '../server/index.ts'
import { openPglite, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createFakeRoot } from './fake-root.tsx'
import { RealtimeProvider, useChannel, useFeed, useNotifications, type ChannelHandle } from './index.tsx'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
interface Row {
  readonly id: string
  readonly n: number
}

let db: TestDatabase
let server: RealtimeServer
let client: Realtime
let root: Awaited<ReturnType<typeof createFakeRoot>>
let seen: unknown[]
beforeAll(async () => {
  db = await openPglite()
  server = createRealtimeServer({
    jwtSecret,
    authorize: () => true,
    feeds: feedSource({ client: db.client }),
    history: [{ topics: 'kept:*', actions: 'author' }],
  })
  await server.ready
})
afterAll(async () => {
  await server.close()
  await db.close()
})
beforeEach(async () => {
  seen = []
  client = createRealtime({ driver: memory({ server }), getToken: () => signTestToken(jwtSecret, { sub: 'a' }) })
  root = await createFakeRoot()
})
afterEach(async () => {
  await root.unmount()
  await client.close()
  await db.exec('delete from items')
  vi.unstubAllGlobals()
})

const show = (node: React.ReactNode): Promise<void> =>
  root.render(<RealtimeProvider client={client}>{node}</RealtimeProvider>)
const insert = (owner: string, n: number): Promise<unknown> =>
  db.query('insert into items (owner, n) values ($1, $2)', [owner, n])
const until = (check: () => void): Promise<void> =>
  vi.waitFor(
    async () => {
      await act(() => new Promise((resolve) => setTimeout(resolve, 5)))
      check()
    },
    { timeout: 10_000 },
  )

it('shows what the server rendered and then what came since, without loading and without a flash', async () => {
  await insert('a', 1)
  const from = await feedPosition(db.client)
  const initial = await db.query<Row>('select id::text, n from items')
  await insert('a', 2)
  let loads = 0
  const announced: number[] = []
  function Bell() {
    const { items, loaded } = useNotifications<Row>({
      userId: 'a',
      table: 'items',
      initial,
      from,
      load: async () => {
        loads += 1
        return []
      },
      isRead: () => false,
      onNew: ({ n }) => announced.push(n),
    })
    seen.push([loaded, ...items.map(({ n }) => n)])
    return null
  }
  await show(<Bell />)
  await until(() => expect(seen.at(-1)).toEqual([true, 2, 1]))
  await insert('a', 3)
  await until(() => expect(seen.at(-1)).toEqual([true, 3, 2, 1]))
  expect([...new Set(seen.map((each) => JSON.stringify(each)))]).toEqual(['[true,1]', '[true,2,1]', '[true,3,2,1]'])
  expect([announced, loads]).toEqual([[2, 3], 0])
})

it('has the position for the owner of the first render alone: another one is loaded', async () => {
  const from = await feedPosition(db.client)
  await insert('a', 1)
  await insert('b', 2)
  function Rows({ owner }: { readonly owner: string }) {
    useFeed<Row>('items', owner, {
      from,
      snapshot: async () => db.query<Row>('select n from items where owner = $1', [owner]),
      onSnapshot: (rows) => seen.push([owner, 'all', ...rows.map(({ n }) => n)]),
      onChange: ({ data }) => seen.push([owner, data.n]),
    })
    return null
  }
  await show(<Rows owner="a" />)
  await until(() => expect(seen).toEqual([['a', 1]]))
  await show(<Rows owner="b" />)
  await until(() => expect(seen.at(-1)).toEqual(['b', 'all', 2]))
  await insert('b', 3)
  await until(() => expect(seen.at(-1)).toEqual(['b', 3]))
})

it('gives a channel its history: where it begins, what is said of each message, and what was before', async () => {
  for (const n of [1, 2, 3]) await server.publish({ topic: 'kept:1', event: 'note', payload: { n }, private: false })
  const given: { handle?: ChannelHandle } = {}
  const acted: unknown[] = []
  function Room() {
    const handle = useChannel(
      'kept:1',
      { note: ({ n }, _event, meta) => seen.push([n, typeof meta?.id, typeof meta?.position]) },
      { rewind: 2, onAction: ({ id, action, name, by }) => acted.push([id, action, name, by]) },
    )
    useEffect(() => {
      given.handle = handle
    })
    return null
  }
  await show(<Room />)
  // StrictMode joins twice; what the first one heard is of an effect that was undone.
  await until(() => expect(seen.slice(-2)).toEqual([2, 3].map((n) => [n, 'string', 'string'])))
  const { handle } = given
  const page = await handle?.history({ limit: 2 })
  expect(page?.messages.map(({ payload }) => payload)).toEqual([{ n: 2 }, { n: 3 }])
  expect(await handle?.broadcast('note', { n: 4 })).toEqual({ state: 'sent', id: expect.stringMatching(/^f\d+$/) })
  expect(handle?.position()).toMatch(/^[\da-f-]{36}:/)
  const id = page?.messages.at(-1)?.meta.id as string
  await handle?.react(id, 'like')
  await until(() => expect(acted.at(-1)).toEqual([id, 'react', 'like', 'a']))
})

it.each(['the database', 'memory'])(
  'goes on behind the messages that its server rendered, out of %s',
  async (where) => {
    const own =
      where === 'memory'
        ? createRealtimeServer({ jwtSecret, authorize: () => true, history: [{ topics: 'kept:*' }] })
        : server
    const topic = `kept:${where}`
    const note = (n: number): void | Promise<void> =>
      own.publish({ topic, event: 'note', payload: { n }, private: true })
    const other = createRealtime({
      driver: memory({ server: own }),
      getToken: () => signTestToken(jwtSecret, { sub: 'a' }),
    })
    for (const n of [1, 2, 3]) await note(n)
    const { messages, more, position } = await own.history(topic, { private: true, limit: 2 })
    expect([messages.map(({ payload }) => payload), more]).toEqual([[{ n: 2 }, { n: 3 }], true])
    await note(4)
    function Room() {
      useChannel(topic, { note: ({ n }) => seen.push(n) }, { private: true, from: position })
      return null
    }
    await root.render(
      <RealtimeProvider client={other}>
        <Room />
      </RealtimeProvider>,
    )
    await until(() => expect(seen).toEqual([4]))
    await note(5)
    await until(() => expect(seen).toEqual([4, 5]))
    await expect(own.history('other')).rejects.toMatchObject({ code: 'REALTIME_NOT_KEPT' })
    await other.close()
    if (own !== server) await own.close()
  },
)
