import { DriverError } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { act } from 'react'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { deferred } from '../base/promises.ts'
import { createRealtime, type Realtime } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createFakeRoot } from './fake-root.tsx'
import { RealtimeProvider, useFeed, useNotifications } from './index.tsx'

let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
let root: Awaited<ReturnType<typeof createFakeRoot>>
let token: string | undefined

const signIn = (session: string): Promise<string> =>
  signTestToken('a-secret-for-tests-that-is-long-enough-0123', { sub: 'ana', session_id: session })
beforeEach(async () => {
  fake = createFakeRealtime()
  // It has a history, which is never gone.
  fake.override.since = () => ({ events: [], cursor: '', gap: false, more: false })
  clock = createManualClock(Date.now())
  token = await signIn('1')
  client = createRealtime({ driver: fake.driver, clock, onError: () => undefined, getToken: () => token })
  root = await createFakeRoot()
})
afterEach(async () => {
  await root.unmount()
  await client.close()
  vi.unstubAllGlobals()
})

const show = (node: React.ReactNode): Promise<void> =>
  root.render(<RealtimeProvider client={client}>{node}</RealtimeProvider>)
const settle = (ms: number): Promise<void> => act(() => clock.advance(ms))
const until = (check: () => void): Promise<void> =>
  vi.waitFor(async () => {
    await settle(200)
    check()
  })
const changeTo = async (next: string | undefined): Promise<void> => {
  token = next
  await act(() => client.refreshToken())
}

it('goes on with notifications when somebody signs in again', async () => {
  let items: readonly { readonly id: string }[] = []
  let loads = 0
  const load = async (): Promise<readonly { readonly id: string }[]> => [{ id: `of load ${++loads}` }]
  function Bell() {
    items = useNotifications({ userId: 'ana', load, isRead: () => false }).items
    return null
  }
  await show(<Bell />)
  await until(() => expect(items).toEqual([{ id: 'of load 1' }]))
  fake.override.subscribe = (_topic, { token: given }) => {
    if (!given) throw new DriverError('fake', 'not you', { retryable: false, code: 'REALTIME_REFUSED' })
  }
  await changeTo(undefined)
  await until(() => expect(client.status).toBe('reconnecting'))
  await changeTo(await signIn('2'))
  await until(() => expect(items).toEqual([{ id: 'of load 2' }]))
  await act(async () => fake.push('feed:notifications:ana', 'INSERT', { record: { id: 'new' } }))
  expect(items).toEqual([{ id: 'new' }, { id: 'of load 2' }])
})

it('tells a feed without a snapshot of a gap once it is live for another user', async () => {
  const told: unknown[] = []
  function Rows() {
    useFeed('items', 'ana', { onChange: () => undefined, onGap: () => told.push(client.status) })
    return null
  }
  await show(<Rows />)
  await until(() => expect(client.status).toBe('connected'))
  await settle(2000)
  expect(told).toEqual([])
  const joining = deferred<void>()
  fake.override.subscribe = () => joining.promise
  await changeTo(await signIn('2'))
  await settle(1000)
  // What is written now nobody hears.
  expect(told).toEqual(['connecting'])
  joining.resolve()
  await until(() => expect(told).toEqual(['connecting', 'connected']))
})
