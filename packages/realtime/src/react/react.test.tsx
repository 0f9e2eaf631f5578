import { StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { createRealtime } from '../create-realtime.ts'
import { setDefaultRealtime } from '../default-realtime.ts'
import { createFakeRealtime } from '../testing/fake-driver.ts'
import { RealtimeProvider, useChannel, useConnection, useFeed, useNotifications, usePresence } from './index.tsx'

interface Row {
  readonly id: string
  readonly read: boolean
}
const initial: readonly Row[] = [
  { id: '1', read: false },
  { id: '2', read: true },
]

function Page() {
  const status = useConnection()
  useFeed<Row>('items', 'a', () => {})
  const { ready, broadcast } = useChannel(
    'room',
    { played: ({ track }) => expectTypeOf(track).toEqualTypeOf<string>() },
    { events: { played: z.object({ track: z.string() }) } },
  )
  // @ts-expect-error Another type than the schema has.
  const wrong = (): Promise<void> => broadcast('played', { track: 1 })
  const present = usePresence('room', 'a', { name: 'A' })
  const { unread, items, permission } = useNotifications<Row>({
    userId: 'a',
    initial,
    load: () => Promise.reject(new Error('never on a server')),
    isRead: ({ read }) => read,
  })
  expect(wrong).toBeTypeOf('function')
  return <p>{[status, ready, Object.keys(present).length, items.length, unread, permission].join(' ')}</p>
}

/** With `exactOptionalPropertyTypes`, as applications may have it: what is not known yet is said by the value. */
function Undecided({ maybe }: { readonly maybe?: string }) {
  useFeed<Row>('items', maybe, { onChange() {}, from: maybe, snapshot: undefined, onGap: undefined })
  useChannel(maybe, {}, { presenceKey: maybe, from: maybe, rewind: undefined, onError: undefined })
  usePresence('room', maybe, {}, { private: undefined })
  const { items } = useNotifications<Row>({
    userId: maybe,
    initial: undefined,
    from: maybe,
    table: maybe,
    limit: undefined,
    load: async () => [],
    isRead: () => true,
  })
  return <p>{items.length}</p>
}

it('takes what is not known yet for what is not given', () => {
  process.env['MSC_QUIET'] = '1'
  expect(renderToString(<Undecided />)).toBe('<p>0</p>')
})

afterEach(() => setDefaultRealtime(undefined))

it('renders on a server without a connection, with what it was given', async () => {
  const fake = createFakeRealtime()
  const client = createRealtime({ driver: fake.driver })
  const html = renderToString(
    <StrictMode>
      <RealtimeProvider client={client}>
        <Page />
      </RealtimeProvider>
    </StrictMode>,
  )
  expect(html).toContain('idle false 0 2 1 unsupported')
  expect(fake.received).toEqual([])
  await client.close()
})

it('makes no default client while it renders on a server', () => {
  // One could not be made here: production, and no variables.
  process.env['MSC_QUIET'] = '1'
  expect(renderToString(<Page />)).toContain('idle')
})
