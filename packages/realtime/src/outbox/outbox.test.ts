import { DriverError } from '@msc/core'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRealtime, type Realtime, type RealtimeOptions } from '../create-realtime.ts'
import { embedded } from '../drivers/embedded.ts'
import { startRealtimeServer } from '../server/start-server.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'
import type { OutboxStore } from './kept.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'

/** As a browser's, for all tabs of an origin. */
function createStore(): OutboxStore & { readonly items: Map<string, string> } {
  const items = new Map<string, string>()
  return {
    items,
    get length() {
      return items.size
    },
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  }
}

let tokens: Record<'ana' | 'bo', string>
let token: string | undefined
let store: ReturnType<typeof createStore>
let fake: FakeRealtime
const clients: Realtime[] = []
const reported: unknown[] = []

const open = (options: Partial<RealtimeOptions> = {}): Realtime => {
  const client = createRealtime({
    driver: fake.driver,
    getToken: () => token,
    outbox: store,
    random: () => 0,
    onError: (error) => void reported.push(error),
    ...options,
  })
  clients.push(client)
  return client
}
const keep = { keep: true } as const
interface Sent {
  readonly n: unknown
  readonly id: unknown
}
const sentBy = ({ received }: FakeRealtime): Sent[] =>
  received
    .filter(({ what }) => what === 'send')
    .map(({ detail }) => (detail as { payload: { n: unknown; _msc: { id: unknown } } }).payload)
    .map(({ n, _msc: { id } }) => ({ n, id }))
const numbers = (from: FakeRealtime): unknown[] => sentBy(from).map(({ n }) => n)
const away = (): void => {
  fake.override.subscribe = () => Promise.reject(new DriverError('fake', 'away', { retryable: true }))
}
const isRefused = (error: unknown): boolean => (error as { retryable?: boolean }).retryable === false

beforeAll(async () => {
  const [ana, bo] = await Promise.all([signTestToken(secret, { sub: 'ana' }), signTestToken(secret, { sub: 'bo' })])
  tokens = { ana, bo }
})
beforeEach(() => {
  store = createStore()
  fake = createFakeRealtime()
  token = tokens.ana
  reported.length = 0
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  vi.unstubAllGlobals()
})

/** Those of a browser, as far as they are used. */
function createLocks(): unknown {
  const held = new Map<string, Promise<unknown>>()
  const request = async (
    name: string,
    { ifAvailable = false }: { readonly ifAvailable?: boolean },
    run: (lock: object | null) => unknown,
  ): Promise<unknown> => {
    if (ifAvailable && held.has(name)) return run(null)
    const before = held.get(name)
    const own = (async () => {
      await before?.catch(() => undefined)
      return run({ name })
    })()
    held.set(name, own)
    return own.finally(() => held.get(name) === own && held.delete(name))
  }
  return { request }
}

const refusing = { request: () => Promise.reject(new DOMException('denied', 'SecurityError')) }

describe.each([
  ['locks', createLocks],
  ['no locks', () => undefined],
  ['locks that refuse', () => refusing],
])('a message that is kept, with %s', (_way, locks) => {
  beforeEach(() => {
    vi.stubGlobal('navigator', { locks: locks() })
  })

  it('is sent at once where there is a connection, and not kept any longer', async () => {
    const room = open().channel('room')
    await room.ready
    await room.broadcast('said', { n: 0 }, keep)
    expect(await room.broadcast('said', { n: 1 }, keep)).toEqual({ state: 'sent' })
    expect(numbers(fake)).toEqual([0, 1])
    expect([...store.items.keys()]).toEqual([])
  })

  it('is sent after a reload, in order, by the same id, and once', async () => {
    away()
    const room = open().channel('room')
    for (const n of [1, 2, 3]) expect(await room.broadcast('said', { n }, keep)).toEqual({ state: 'kept' })
    expect(await open().channel('another').broadcast('said', { n: 4 }, keep)).toEqual({ state: 'kept' })
    const ids = [...store.items.values()].map(
      (text) => (JSON.parse(text) as { payload: { _msc: unknown } }).payload._msc,
    )
    // The page is gone; only the store is left.
    await Promise.all(clients.splice(0).map((client) => client.close()))
    expect(store.items.size).toBe(4)
    fake = createFakeRealtime()
    open().channel('room')
    await expect.poll(() => numbers(fake)).toEqual([1, 2, 3])
    expect(sentBy(fake).map(({ id }) => id)).toEqual(ids.slice(0, 3).map((stamp) => (stamp as { id: unknown }).id))
    await expect.poll(() => store.items.size).toBe(1)
  })

  it('goes again by the same id when its answer was lost, before those that came after it', async () => {
    const room = open().channel('room')
    await room.ready
    await room.broadcast('said', { n: 0 }, keep)
    let lost = 1
    fake.override.send = () => {
      if (lost-- > 0) throw new DriverError('fake', 'The answer was lost.', { retryable: true, retryAfterMs: 20 })
    }
    const outcomes = await Promise.all([1, 2].map((n) => room.broadcast('said', { n }, keep)))
    expect(outcomes[0]).toEqual({ state: 'kept' })
    await expect.poll(() => numbers(fake)).toEqual([0, 1, 1, 2])
    const [, first, again] = sentBy(fake)
    expect(first?.id).toBe(again?.id)
    await expect.poll(() => store.items.size).toBe(0)
  })

  it('is sent again by the next page when this one ends before the answer', async () => {
    fake.override.send = () => new Promise(() => {})
    const room = open().channel('room')
    await room.ready
    expect(await room.broadcast('said', { n: 1 }, keep)).toEqual({ state: 'kept' })
    await expect.poll(() => numbers(fake)).toEqual([1])
    const [before] = sentBy(fake)
    // It is killed: its locks and claims end without its doing.
    const left = new Map(store.items)
    await Promise.all(clients.splice(0).map((client) => client.close()))
    for (const [key, text] of left) if (!key.includes(':claim:')) store.items.set(key, text)
    fake = createFakeRealtime()
    open().channel('room')
    await expect.poll(() => sentBy(fake)).toEqual([before])
    await expect.poll(() => store.items.size).toBe(0)
  })

  it('is sent by one of two tabs that share the store', async () => {
    away()
    const tabs = [open().channel('room'), open().channel('room')]
    await Promise.all(
      tabs.flatMap((tab, index) => [0, 1].map((n) => tab.broadcast('said', { n: 2 * index + n }, keep))),
    )
    delete fake.override.subscribe
    await expect.poll(() => [...store.items.keys()], { timeout: 4000 }).toEqual([])
    expect(numbers(fake).toSorted()).toEqual([0, 1, 2, 3])
  })
})

describe('what is kept', () => {
  it('that the server refuses for good goes, is told to whoever sent it, and holds nothing up', async () => {
    const room = open().channel('room')
    await room.ready
    await room.broadcast('said', { n: 0 }, keep)
    fake.override.send = (_topic, event) => {
      if (event === 'forbidden') throw new DriverError('fake', 'No.', { retryable: false })
    }
    const refused = expect(room.broadcast('forbidden', { n: 1 }, keep)).rejects.toThrow('No.')
    expect(await room.broadcast('said', { n: 2 }, keep)).toEqual({ state: 'sent' })
    await refused
    expect(store.items.size).toBe(0)
  })

  it('has bounds, beyond which the new one is refused, and none is dropped', async () => {
    away()
    const room = open().channel('room')
    for (let n = 0; n < 100; n++) await room.broadcast('said', { n }, keep)
    await expect(room.broadcast('said', { n: 100 }, keep)).rejects.toMatchObject({
      code: 'REALTIME_QUEUE_FULL',
      retryable: true,
    })
    expect(store.items.size).toBe(100)
    store.items.clear()
    const large = { text: 'x'.repeat(60_000) }
    for (let n = 0; n < 2; n++) await room.broadcast('said', large, keep)
    await expect(room.broadcast('said', large, keep)).rejects.toMatchObject({ code: 'REALTIME_QUEUE_FULL' })
    expect(store.items.size).toBe(2)
  })

  it('is forgotten when another user comes, and never sent as them', async () => {
    away()
    const client = open()
    expect(await client.channel('room').broadcast('said', { n: 1 }, keep)).toEqual({ state: 'kept' })
    const [left] = [...store.items]
    expect(left?.join()).not.toMatch(/ana/)
    token = tokens.bo
    delete fake.override.subscribe
    await client.refreshToken()
    await expect.poll(() => store.items.size).toBe(0)
    // Of a tab that knew of no change.
    store.items.set(...(left as [string, string]))
    const room = open().channel('room')
    await room.ready
    expect((await room.broadcast('said', { n: 2 }, keep)).state).toMatch(/sent|kept/)
    await expect.poll(() => numbers(fake)).toEqual([2])
    expect(store.items.size).toBe(1)
  })

  it('goes after a day, and when it can not be read', async () => {
    away()
    expect(await open().channel('room').broadcast('said', { n: 1 }, keep)).toEqual({ state: 'kept' })
    const [[key, text] = ['', '']] = [...store.items]
    store.items.set(key, text.replace(/"at":\d+/, `"at":${Date.now() - 25 * 3_600_000}`))
    for (const odd of ['', '{', 'null', '7', '[]', '{"topic":1}']) store.items.set(`${key}${odd}`, odd)
    delete fake.override.subscribe
    const room = open().channel('room')
    await room.ready
    expect((await room.broadcast('said', { n: 2 }, keep)).state).toMatch(/sent|kept/)
    await expect.poll(() => store.items.size).toBe(0)
    expect(numbers(fake)).toEqual([2])
  })

  it.each(['throws', 'is full'])('is nothing where the store %s: the message is sent as any other', async (how) => {
    const fails = (): never => {
      throw new DOMException(how, 'QuotaExceededError')
    }
    const broken = { key: fails, getItem: fails, length: 1 }
    const outbox = { ...createStore(), setItem: fails, ...(how === 'throws' && broken) }
    const room = open({ outbox }).channel('room')
    expect(await room.broadcast('said', { n: 1 }, keep)).toEqual({ state: 'sent' })
    expect(numbers(fake)).toEqual([1])
  })

  it.each([
    ['nobody', () => undefined],
    ['a token that does not say whose it is', () => 'opaque'],
  ])('is refused for %s', async (_who, next) => {
    token = next()
    await expect(open().channel('room').broadcast('said', { n: 1 }, keep)).rejects.toMatchObject({
      code: 'REALTIME_KEEP_NO_USER',
    })
  })

  it.each([['text'], [[1]], [7], [null], [new Uint8Array(1)]])('is an object, and not %j', async (payload) => {
    const told = open().channel('room').broadcast('said', payload, keep)
    await expect(told).rejects.toSatisfy(isRefused)
  })
})

it('the server tells a message once that its account sends again, and one of another account by that id too', async () => {
  const server = await startRealtimeServer({ jwtSecret: secret, authorize: () => true })
  const heard: unknown[] = []
  const at = { driver: () => embedded({ url: `${server.url}/realtime/v1` }) }
  const driver = at.driver()
  const handlers = { onMessage() {}, onPresence() {}, onDown() {} }
  const { signal } = new AbortController()
  // Not a client, which by itself hears nothing twice.
  const listening = at.driver()
  const hears = { ...handlers, onMessage: (_event: string, payload: unknown) => void heard.push((payload as Sent).n) }
  await listening.subscribe('room', { private: false, token: tokens.bo, user: 'bo', self: false }, hears, signal)
  const subscribe = (user: string): ReturnType<typeof driver.subscribe> =>
    driver.subscribe('room', { private: false, token: user, user, self: false }, handlers, signal)
  const ana = await subscribe(tokens.ana)
  const message = (n: number, id: string): object => ({ n, _msc: { id, kept: true } })
  for (const n of [1, 2]) await ana.send('said', message(n, 'same'), signal)
  await ana.send('said', message(3, 'another'), signal)
  const other = at.driver()
  const bo = await other.subscribe(
    'room',
    { private: false, token: tokens.bo, user: 'bo', self: false },
    handlers,
    signal,
  )
  await bo.send('said', message(4, 'of-bo'), signal)
  await bo.send('said', message(5, 'another'), signal)
  await bo.send('said', message(6, 'last'), signal)
  await expect.poll(() => heard.at(-1)).toBe(6)
  expect(heard).toEqual([1, 3, 4, 5, 6])
  await listening.close()
  await driver.close()
  await other.close()
  await server.close()
})
