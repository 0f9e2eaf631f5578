import { act, useEffect } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { createFakeRoot } from './fake-root.tsx'
import { RealtimeProvider, useChannel, useFeed, useNotifications, usePresence } from './index.tsx'

interface Row {
  readonly id: string
}
let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
let root: Awaited<ReturnType<typeof createFakeRoot>>
/** What each render saw. */
let seen: unknown[]

beforeEach(async () => {
  fake = createFakeRealtime()
  clock = createManualClock(Date.now())
  client = createRealtime({ driver: fake.driver, clock, onError: () => undefined })
  seen = []
  root = await createFakeRoot()
})
afterEach(async () => {
  await root.unmount()
  await client.close()
  vi.unstubAllGlobals()
})

const show = (node: React.ReactNode): Promise<void> =>
  root.render(<RealtimeProvider client={client}>{node}</RealtimeProvider>)
const settle = (ms = 0): Promise<void> => act(() => clock.advance(ms))

function Bell(props: {
  readonly userId: string | undefined
  readonly load: () => Promise<readonly Row[]>
  readonly initial?: readonly Row[]
}) {
  const { items, unread, loaded } = useNotifications<Row>({ ...props, isRead: () => false })
  seen.push([props.userId, items.map(({ id }) => id), unread, loaded])
  return null
}

it('shows no notification of one user to the next, not for one render, and not while theirs can not be loaded', async () => {
  const never = (): Promise<never> => Promise.reject(new Error('away'))
  await show(<Bell userId="a" load={async () => [{ id: 'a1' }]} />)
  await vi.waitFor(async () => {
    await settle(10)
    expect(seen.at(-1)).toEqual(['a', ['a1'], 1, true])
  })
  await act(async () => fake.push('feed:notifications:a', 'INSERT', { record: { id: 'a2' } }))
  expect(seen.at(-1)).toEqual(['a', ['a2', 'a1'], 2, true])
  await show(<Bell userId={undefined} load={never} />)
  await show(<Bell userId="b" load={never} />)
  await settle(5000)
  expect(seen.filter((each) => (each as unknown[])[0] !== 'a')).not.toEqual([])
  for (const each of seen as [string | undefined, string[], number, boolean][])
    if (each[0] !== 'a') expect(each.slice(1)).toEqual([[], 0, false])
  // And nothing of before when the first comes back.
  seen = []
  await show(<Bell userId="a" load={never} />)
  expect(seen).not.toEqual([])
  for (const each of seen) expect(each).toEqual(['a', [], 0, false])
})

it('begins with what the server rendered, and keeps it for nobody else', async () => {
  const load = (): Promise<never> => new Promise(() => {})
  const initial = [{ id: 'a1' }]
  await show(<Bell userId="a" load={load} initial={initial} />)
  await settle()
  expect(new Set(seen.map((each) => JSON.stringify(each)))).toEqual(new Set([JSON.stringify(['a', ['a1'], 1, true])]))
  seen = []
  await show(<Bell userId="b" load={load} initial={initial} />)
  for (const each of seen) expect(each).toEqual(['b', [], 0, false])
})

it('shows nobody of one topic in another, nor of one user to the next', async () => {
  function Here({ topic, userId }: { readonly topic: string; readonly userId: string | undefined }) {
    seen.push([topic, userId, usePresence(topic, userId, { name: 'x' })])
    return null
  }
  await show(<Here topic="room" userId="a" />)
  await settle()
  await act(async () => fake.presence('room', { a: [{ name: 'x' }] }))
  expect(seen.at(-1)).toEqual(['room', 'a', { a: [{ name: 'x' }] }])
  seen = []
  await show(<Here topic="room" userId={undefined} />)
  await show(<Here topic="room" userId="b" />)
  await show(<Here topic="hall" userId="b" />)
  expect(seen.length).toBeGreaterThan(2)
  for (const each of seen) expect((each as unknown[])[2]).toEqual({})
})

it('says that a channel is ready only while it is live', async () => {
  const given: { broadcast?: (event: string, payload: object) => Promise<void> } = {}
  function Room({ topic }: { readonly topic: string | undefined }) {
    const channel = useChannel(topic)
    useEffect(() => {
      Object.assign(given, channel)
    })
    seen.push([topic, channel.ready])
    return null
  }
  await show(<Room topic="room" />)
  await settle()
  expect(seen.at(-1)).toEqual(['room', true])
  await act(async () => fake.drop('room'))
  expect(seen.at(-1)).toEqual(['room', false])
  await settle(2000)
  expect(seen.at(-1)).toEqual(['room', true])
  seen = []
  await show(<Room topic="hall" />)
  expect(seen[0]).toEqual(['hall', false])
  await settle()
  expect(seen.at(-1)).toEqual(['hall', true])
  await show(<Room topic={undefined} />)
  expect(seen.at(-1)).toEqual([undefined, false])
  await expect(given.broadcast?.('note', {})).rejects.toThrow('nothing is joined')
})

it('tells the next owner nothing of the one before', async () => {
  function Rows({ owner }: { readonly owner: string }) {
    useFeed<Row>('items', owner, ({ data }) => seen.push([owner, data.id]))
    return null
  }
  await show(<Rows owner="a" />)
  await settle()
  await show(<Rows owner="b" />)
  await vi.waitFor(async () => {
    await settle(10)
    expect(fake.topics).toEqual(['feed:items:b'])
  })
  fake.push('feed:items:a', 'INSERT', { record: { id: 'a1' } })
  fake.push('feed:items:b', 'INSERT', { record: { id: 'b1' } })
  expect(seen).toEqual([['b', 'b1']])
})

it('says another state over the same channel, so that nobody is absent in between', async () => {
  function Here({ name }: { readonly name: string }) {
    usePresence('room', 'a', { name })
    return null
  }
  await show(<Here name="x" />)
  await settle()
  const from = fake.received.length
  for (const name of ['y', 'y', 'z']) {
    await show(<Here name={name} />)
    await settle()
  }
  const said = fake.received.slice(from).map(({ what, detail }) => [what, detail])
  expect(said).toEqual([
    ['track', { name: 'y' }],
    ['track', { name: 'z' }],
  ])
})
