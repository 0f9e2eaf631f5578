import { act } from 'react'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import type { StandardSchema } from '@msc/core'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { memory } from '../drivers/memory.ts'
import { feedSource } from '../feed/source.ts'
import { createRealtimeServer, feedPosition, type RealtimeServer } from '../server/index.ts'
import { openPglite, type TestDatabase } from '../testing/test-database.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createFakeRoot } from './fake-root.tsx'
import { RealtimeProvider, useChannel, useFeed, useNotifications } from './index.tsx'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
interface Row {
  readonly id: string
  readonly n: number
}

let db: TestDatabase
let server: RealtimeServer
let client: Realtime
let root: Awaited<ReturnType<typeof createFakeRoot>>
let told: unknown[]
beforeAll(async () => {
  db = await openPglite()
  server = createRealtimeServer({
    jwtSecret,
    authorize: () => true,
    feeds: feedSource({ client: db.client }),
    history: [{ topics: 'kept:*' }],
  })
  await server.ready
})
afterAll(async () => {
  await server.close()
  await db.close()
})
beforeEach(async () => {
  told = []
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
const note = (topic: string, n: number): Promise<void> =>
  act(async () => {
    await server.publish({ topic, event: 'note', payload: { n }, private: false })
  })
const wait = (ms = 300): Promise<void> => act(() => new Promise<void>((resolve) => setTimeout(resolve, ms)))
const until = (check: () => void): Promise<void> =>
  vi.waitFor(
    async () => {
      await wait(5)
      check()
    },
    { timeout: 10_000 },
  )

it('rings once for each notification, also with another limit, and when its user comes back', async () => {
  const from = await feedPosition(db.client)
  const shown: (readonly number[])[] = []
  let loads = 0
  function Bell({ limit, user }: { readonly limit: number; readonly user: string }) {
    const { items } = useNotifications<Row>({
      userId: user,
      table: 'items',
      initial: [],
      from,
      limit,
      load: async () => {
        loads += 1
        return db.query<Row>('select id::text, n from items where owner = $1 order by n desc', [user])
      },
      isRead: () => false,
      onNew: ({ n }) => told.push(n),
    })
    shown.push(items.map(({ n }) => n))
    return null
  }
  await show(<Bell limit={10} user="a" />)
  await insert('a', 1)
  await insert('a', 2)
  await until(() => expect(told).toEqual([1, 2]))
  await show(<Bell limit={1} user="a" />)
  expect(shown.at(-1)).toEqual([2])
  await insert('a', 3)
  await until(() => expect(shown.at(-1)).toEqual([3]))
  expect([told, loads]).toEqual([[1, 2, 3], 0])
  await show(<Bell limit={10} user="b" />)
  await until(() => expect(loads).toBe(1))
  await show(<Bell limit={10} user="a" />)
  await until(() => expect(shown.at(-1)).toEqual([3, 2, 1]))
  await insert('a', 4)
  await until(() => expect(told).toEqual([1, 2, 3, 4]))
})

it('tells a feed its changes once, also when its owner comes back', async () => {
  const from = await feedPosition(db.client)
  function Rows({ owner }: { readonly owner: string }) {
    useFeed<Row>('items', owner, { from, onChange: ({ data }) => told.push(data.n) })
    return null
  }
  await insert('c', 1)
  await show(<Rows owner="c" />)
  await until(() => expect(told).toEqual([1]))
  await show(<Rows owner="d" />)
  await wait()
  await show(<Rows owner="c" />)
  await wait()
  await insert('c', 2)
  await until(() => expect(told).toEqual([1, 2]))
})

it('says a gap where a feed that has heard is opened again, and nothing loads what came between', async () => {
  const from = await feedPosition(db.client)
  function Rows({ owner }: { readonly owner: string | undefined }) {
    useFeed<Row>('items', owner, { from, onChange: ({ data }) => told.push(data.n), onGap: () => told.push('gap') })
    return null
  }
  await insert('e', 1)
  await show(<Rows owner="e" />)
  await until(() => expect(told).toEqual([1]))
  await show(<Rows owner={undefined} />)
  await show(<Rows owner="e" />)
  await until(() => expect(told).toEqual([1, 'gap']))
})

it('goes on where the channel was with another presence key, missing nothing and telling nothing twice', async () => {
  await note('kept:1', 1)
  const { position } = await server.history('kept:1')
  await note('kept:1', 2)
  function Room({ as, topic = 'kept:1' }: { readonly as?: string; readonly topic?: string | undefined }) {
    useChannel(topic, { note: ({ n }) => told.push(n) }, { from: position, ...(as && { presenceKey: as }) })
    return null
  }
  await show(<Room />)
  await until(() => expect(told).toEqual([2]))
  await note('kept:1', 3)
  await until(() => expect(told).toEqual([2, 3]))
  await show(<Room as="a" />)
  await note('kept:1', 4)
  await until(() => expect(told).toEqual([2, 3, 4]))
  await show(<Room as="a" topic="kept:2" />)
  await wait()
  await show(<Room as="a" />)
  await wait()
  await note('kept:1', 5)
  await until(() => expect(told).toEqual([2, 3, 4, 5]))
})

it('hears its beginning also where the topic is live for another component', async () => {
  await note('kept:3', 1)
  const { position } = await server.history('kept:3')
  await note('kept:3', 2)
  function Room({ from, to }: { readonly from?: string | undefined; readonly to: unknown[] }) {
    useChannel('kept:3', { note: ({ n }) => to.push(n) }, { history: true, ...(from && { from }) })
    return null
  }
  const other: unknown[] = []
  await show(<Room to={other} />)
  await wait()
  await show([<Room key="1" to={other} />, <Room key="2" from={position} to={told} />])
  await until(() => expect(told).toEqual([2]))
  expect(other).toEqual([])
})

it('shows no message of one room in another, however late it comes', async () => {
  let goOn = (): void => {}
  const slow: StandardSchema<unknown, { n: number }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      async validate(value) {
        await new Promise<void>((resolve) => (goOn = resolve))
        return { value: value as { n: number } }
      },
    },
  }
  function Room({ topic }: { readonly topic: string }) {
    useChannel(topic, { note: () => told.push(topic) }, { events: { note: slow } })
    return null
  }
  const stay = client.channel('kept:4')
  await show(<Room topic="kept:4" />)
  await stay.ready
  await wait()
  await note('kept:4', 1)
  await wait()
  await show(<Room topic="kept:5" />)
  goOn()
  await wait()
  expect(told).toEqual([])
})
