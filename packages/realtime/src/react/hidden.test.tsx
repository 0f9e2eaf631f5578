import { Activity, act } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { memory } from '../drivers/memory.ts'
import { createRealtimeServer } from '../server/index.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createFakeRoot } from './fake-root.tsx'
import { RealtimeProvider, useChannel, useFeed, useNotifications } from './index.tsx'

let fake: FakeRealtime
let client: Realtime
let root: Awaited<ReturnType<typeof createFakeRoot>>
let told: unknown[]
beforeEach(async () => {
  told = []
  fake = createFakeRealtime()
  client = createRealtime({ driver: fake.driver, random: () => 0, onError: () => {} })
  root = await createFakeRoot()
})
afterEach(async () => {
  await root.unmount()
  await client.close()
  vi.unstubAllGlobals()
})

const show = (node: React.ReactNode, mode: 'visible' | 'hidden' = 'visible'): Promise<void> =>
  root.render(
    <RealtimeProvider client={client}>
      <Activity mode={mode}>{node}</Activity>
    </RealtimeProvider>,
  )
const until = (check: () => void): Promise<void> =>
  vi.waitFor(
    async () => {
      await act(() => new Promise((resolve) => setTimeout(resolve, 5)))
      check()
    },
    { timeout: 10_000 },
  )
const isJoined = (topic: string): Promise<void> => until(() => expect(fake.topics).toContain(topic))
const isLeft = (topic: string): Promise<void> => until(() => expect(fake.topics).not.toContain(topic))

it('tells a gap when a channel of a page that was hidden is live again, and none at mount', async () => {
  const isLive: boolean[] = []
  function Room() {
    const { ready } = useChannel('room', { note: ({ n }) => told.push(n) }, { onGap: () => told.push('gap') })
    isLive.push(ready)
    return null
  }
  await show(<Room />)
  await until(() => expect(isLive.at(-1)).toBe(true))
  fake.push('room', 'note', { n: 1 })
  expect(told).toEqual([1])
  await show(<Room />, 'hidden')
  await isLeft('room')
  fake.push('room', 'note', { n: 2 })
  await show(<Room />)
  await until(() => expect(told).toEqual([1, 'gap']))
  fake.push('room', 'note', { n: 3 })
  expect(told).toEqual([1, 'gap', 3])
})

it('tells a gap when a channel that was hidden before it was live had heard something', async () => {
  await import('../client/sending.ts')
  let join = (): void => {}
  fake.override.subscribe = () => new Promise<void>((resolve) => (join = resolve))
  // The server takes its time with the presence, for which being live waits.
  fake.override.track = () => new Promise(() => {})
  const lobby = client.channel('room', { presenceKey: 'ana' })
  lobby.track({}).catch(() => undefined)
  function Room() {
    useChannel('room', { note: ({ n }) => told.push(n) }, { onGap: () => told.push('gap') })
    return null
  }
  await show(<Room />)
  await until(() => expect(fake.received.map(({ what }) => what)).toEqual(['subscribe']))
  join()
  await until(() => expect(fake.received.map(({ what }) => what)).toEqual(['subscribe', 'track']))
  fake.push('room', 'note', { n: 1 })
  expect(client.status).toBe('connecting')
  delete fake.override.subscribe
  delete fake.override.track
  await show(<Room />, 'hidden')
  lobby.leave()
  await isLeft('room')
  await show(<Room />)
  await until(() => expect(told).toEqual([1, 'gap']))
})

it('tells a gap where a feed without a snapshot is live again, also if it has heard nothing', async () => {
  function Rows() {
    useFeed<{ n: number }>('items', 'ana', {
      onChange: ({ data }) => told.push(data.n),
      onGap: () => told.push(['gap', client.status]),
    })
    return null
  }
  await show(<Rows />)
  await isJoined('feed:items:ana')
  await until(() => expect(client.status).toBe('connected'))
  // Its state is asked for when it is live.
  await act(() => new Promise((resolve) => setTimeout(resolve, 20)))
  await show(<Rows />, 'hidden')
  await isLeft('feed:items:ana')
  await show(<Rows />)
  // Told when it is live, so that nothing is missing of what is loaded then.
  await until(() => expect(told.at(-1)).toEqual(['gap', 'connected']))
  fake.push('feed:items:ana', 'INSERT', { record: { n: 1 } })
  await until(() => expect(told.at(-1)).toBe(1))
  expect(told.length).toBeLessThanOrEqual(3)
})

it('goes on where it was with a history, when its page is shown again', async () => {
  await client.close()
  const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
  const server = createRealtimeServer({ jwtSecret, authorize: () => true, history: [{ topics: 'kept' }] })
  const token = await signTestToken(jwtSecret, { sub: 'ana' })
  client = createRealtime({ driver: memory({ server }), getToken: () => token })
  const say = (n: number): Promise<void> =>
    act(async () => {
      await server.publish({ topic: 'kept', event: 'note', payload: { n }, private: false })
    })
  let position: () => unknown = () => undefined
  let sendOwn: () => Promise<unknown> = () => Promise.reject(new Error('not yet'))
  function Room() {
    const room = useChannel('kept', { note: ({ n }) => told.push(n) }, { history: true, onGap: () => told.push('gap') })
    position = room.position
    sendOwn = () => room.broadcast('note', { n: 'own' })
    return null
  }
  await show(<Room />)
  await until(() => expect(position()).toBeDefined())
  await say(1)
  await until(() => expect(told).toEqual([1]))
  // Its own it does not hear, out of the history either.
  await act(async () => void (await sendOwn()))
  await show(<Room />, 'hidden')
  await say(2)
  await show(<Room />)
  await until(() => expect(told).toEqual([1, 2]))
  await say(3)
  await until(() => expect(told).toEqual([1, 2, 3]))
  await client.close()
  await server.close()
})

it('calls the handler of all events once for an event of that very name', async () => {
  function Room() {
    useChannel('room', { '*': ({ n }, event) => told.push([n, event]) })
    return null
  }
  await show(<Room />)
  await isJoined('room')
  await until(() => expect(client.status).toBe('connected'))
  fake.push('room', '*', { n: 1 })
  fake.push('room', 'note', { n: 2 })
  expect(told).toEqual([
    [1, '*'],
    [2, 'note'],
  ])
})

it('says why notifications can not be loaded, until they are', async () => {
  let answer: unknown = { error: 'not you' }
  function Bell() {
    const { error, loaded, items } = useNotifications({
      userId: 'ana',
      // What an API answers that refuses, to a page that does not look at the status.
      load: async () => answer as readonly { id: string }[],
      isRead: () => false,
    })
    told.push([error?.message, loaded, items.length])
    return null
  }
  await show(<Bell />)
  await until(() => expect(told.at(-1)).toEqual([expect.stringContaining('no list'), false, 0]))
  answer = [{ id: '1' }]
  await until(() => expect(told.at(-1)).toEqual([undefined, true, 1]))
})
