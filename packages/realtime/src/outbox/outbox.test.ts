import { DriverError } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRealtime, type Realtime, type RealtimeOptions, type SentMessage } from '../create-realtime.ts'
import { memory } from '../drivers/memory.ts'
import { embedded } from '../drivers/embedded.ts'
import { createRealtimeServer } from '../server/index.ts'
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
const OWN = 'of the page itself'
const texts = ({ received }: FakeRealtime): unknown[] =>
  received
    .filter(({ what, topic }) => what === 'send' && topic === 'room')
    .map(({ detail }) => (detail as { payload: { text: unknown } }).payload.text)
const sign = (sub: string, session: string): Promise<string> => signTestToken(secret, { sub, session_id: session })
const of = (backend: string): Partial<RealtimeOptions> => ({ driver: { ...fake.driver, backend } })
/** Keeps a message on a page whose server is away. */
async function keepAway(text: string, whose: string, backend = 'one'): Promise<Realtime> {
  away()
  token = whose
  const client = open(of(backend))
  expect(await client.channel('room').broadcast('said', { text }, { keep: true })).toEqual({ state: 'kept' })
  return client
}
/** Another page, whose server is there, until a message of its own is sent. */
async function visit(whose: string, backend = 'one'): Promise<void> {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  fake = createFakeRealtime()
  token = whose
  const client = open(of(backend))
  await client.channel('room').ready
  await client.channel('another').broadcast('said', { text: OWN }, keep)
  const isSent = (): boolean => fake.received.some(({ what, topic }) => what === 'send' && topic === 'another')
  await expect.poll(() => isSent() && ![...store.items].join().includes(OWN)).toBe(true)
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

  it('has all the digits that `JSON.rawJSON` gives a number, also after a reload', async () => {
    const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown }
    // Node 20 has none.
    if (!rawJSON) return
    away()
    await open()
      .channel('room')
      .broadcast('said', { n: rawJSON('12345678901234567890') }, keep)
    await Promise.all(clients.splice(0).map((client) => client.close()))
    fake = createFakeRealtime()
    const room = open().channel('room')
    await room.ready
    await room.broadcast('said', { n: rawJSON('1e400') }, keep)
    await expect.poll(() => numbers(fake).map((n) => JSON.stringify(n))).toEqual(['12345678901234567890', '1e400'])
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

  it.each([
    ['is sent before those behind it where the server says when', 1000, []],
    ['lets those behind it go first after a minute where it says nothing', undefined, ['second', 'third']],
  ])('that is refused for now again and again %s', async (_how, retryAfterMs, expected) => {
    const clock = createManualClock(Date.now())
    const room = open({ clock }).channel('room')
    await room.ready
    await clock.advance(0)
    let isOver = false
    const taken: unknown[] = []
    fake.override.send = (_topic, event) => {
      if (event === 'stuck' && !isOver)
        throw new DriverError('fake', 'Not now.', { retryable: true, ...(retryAfterMs && { retryAfterMs }) })
      taken.push(event)
    }
    const results = ['stuck', 'second', 'third'].map((event, n) => room.broadcast(event, { n: n + 1 }, keep))
    await expect.poll(() => numbers(fake)).toContain(1)
    for (let second = 0; second < 58; second++) await clock.advance(1000)
    await Promise.all(results)
    // In order, as long as it may be a matter of time.
    expect(new Set(numbers(fake))).toEqual(new Set([1]))
    for (let second = 0; second < 30; second++) await clock.advance(1000)
    expect(numbers(fake).filter((n) => n === 1).length).toBeGreaterThanOrEqual(5)
    expect(taken).toEqual(expected)
    isOver = true
    for (let second = 0; second < 20; second++) await clock.advance(1000)
    expect(taken.toSorted()).toEqual(['second', 'stuck', 'third'])
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
    await expect.poll(() => store.items.size).toBe(0)
  })

  it('can not be read any more by a page of another user, also after a reload', async () => {
    await keepAway('the first', tokens.ana)
    await visit(tokens.bo)
    expect([texts(fake), store.items.size]).toEqual([[], 0])
  })

  it.each(['now', 'a day later'])(
    'can not be read any more by a page of nobody, who may join nothing, %s',
    async (when) => {
      await keepAway('of ana', tokens.ana)
      if (when !== 'now') vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 25 * 60 * 60 * 1000)
      token = undefined
      open(of('one')).channel('room')
      await expect.poll(() => store.items.size).toBe(0)
      vi.restoreAllMocks()
    },
  )

  it.each<[string, () => string | Promise<string>]>([
    ['fails', () => Promise.reject(new Error('away'))],
    ['has not answered', () => new Promise<never>(() => {})],
    ['answers as a proxy does', () => '<html>away</html>'],
  ])('stays while `getToken` %s, which says nothing of the user', async (_how, getToken) => {
    await keepAway('of ana', tokens.ana)
    await Promise.all(clients.splice(0).map((client) => client.close()))
    fake = createFakeRealtime()
    const asked = vi.fn(getToken)
    const client = open({ ...of('one'), getToken: asked })
    client.channel('room')
    await expect.poll(() => asked.mock.calls.length).toBeGreaterThan(0)
    // The channel is joined, refused or waits: by then what is kept would have been looked at.
    await new Promise((resolve) => setTimeout(resolve, 50))
    await client.close()
    expect([...store.items].join(' ')).toContain('of ana')
    await visit(tokens.ana)
    expect(texts(fake)).toEqual(['of ana'])
  })

  it('is sent as its account, whose session is another one by now, and in the order of before', async () => {
    const [first, second] = [await sign('ana', 's1'), await sign('ana', 's2')]
    const client = await keepAway('the first', first)
    // Within the page, which is told of the change, and after a reload, which is not.
    token = second
    await client.refreshToken()
    await keepAway('the second', second)
    await visit(await sign('ana', 's3'))
    await expect.poll(() => texts(fake)).toEqual(['the first', 'the second'])
    await expect.poll(() => store.items.size).toBe(0)
  })

  it.each([
    ['role', { role: 'service_role' }],
    ['account', { sub: 'bo' }],
  ])('is not sent as another %s', async (_what, claims) => {
    await keepAway('the first', tokens.ana)
    await visit(await signTestToken(secret, { sub: 'ana', ...claims }))
    expect([texts(fake), store.items.size]).toEqual([[], 0])
  })

  it('goes to the backend that it was kept for, and stays there when another user of another backend comes', async () => {
    await keepAway('for one', tokens.ana, 'one')
    const kept = [...store.items]
    await visit(tokens.ana, 'two')
    await visit(tokens.bo, 'two')
    expect([texts(fake), [...store.items]]).toEqual([[], kept])
    await visit(tokens.ana, 'one')
    await expect.poll(() => texts(fake)).toEqual(['for one'])
  })

  it('goes after a day, whoever looks, for whichever backend it was', async () => {
    await keepAway('old', tokens.ana, 'one')
    const [[key, text] = ['', '']] = [...store.items]
    store.items.set(key, text.replace(/"at":\d+/, `"at":${Date.now() - 25 * 3_600_000}`))
    // As an earlier version has filed it, which knew of no backend.
    store.items.set('msc-realtime:outbox:0123456789abcdef0123456789abcdef:m000000000001:x', text)
    store.items.set('theirs', 'of the application')
    await visit(tokens.bo, 'two')
    expect([...store.items.keys()]).toEqual(['theirs'])
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

  it.each<[string, (client: Realtime) => unknown, Partial<RealtimeOptions>]>([
    ['the time for it is over', () => undefined, { timeoutMs: 300 }],
    ['the channel is left', (client) => client.channel('room').leave(), {}],
    ['the client is closed', (client) => client.close(), {}],
  ])('is said to be kept when %s before the server has answered, and is sent later', async (_what, end, options) => {
    const client = open(options)
    const room = client.channel('room')
    await room.ready
    await room.broadcast('said', { n: 0 }, keep)
    fake.override.send = () => new Promise(() => {})
    const outcome = room.broadcast('said', { n: 1 }, keep)
    await expect.poll(() => numbers(fake)).toEqual([0, 1])
    if (options.timeoutMs === undefined) room.leave()
    await end(client)
    expect(await outcome).toEqual({ state: 'kept' })
    expect(store.items.size).toBeGreaterThan(0)
    fake.override.send = () => {}
    open().channel('room')
    await expect.poll(() => store.items.size, { timeout: 5000 }).toBe(0)
    const [, first, ...others] = sentBy(fake)
    expect(others).toContainEqual(first)
  })

  it('is sent where the store has no room to claim the sending', async () => {
    vi.stubGlobal('navigator', {})
    const full: OutboxStore = {
      ...store,
      get length() {
        return store.length
      },
      setItem(key, value) {
        if (key.includes(':claim:')) throw new DOMException('full', 'QuotaExceededError')
        store.setItem(key, value)
      },
    }
    const room = open({ outbox: full }).channel('room')
    await room.ready
    await room.broadcast('said', { n: 0 }, keep)
    expect(await room.broadcast('said', { n: 1 }, keep)).toEqual({ state: 'sent' })
    expect([numbers(fake), store.items.size]).toEqual([[0, 1], 0])
  })

  it('is told to the page that sends it later, with its id where the server keeps it', async () => {
    const server = createRealtimeServer({ jwtSecret: secret, authorize: () => true, history: [{ topics: 'room' }] })
    const driver = memory({ server })
    const sent: SentMessage[] = []
    const onSent = (message: SentMessage): void => void sent.push(message)
    const before = open({ driver: { ...fake.driver, backend: driver.backend ?? '' }, onSent })
    away()
    const payload = { text: 'hello' }
    expect(await before.channel('room').broadcast('said', payload, keep)).toEqual({ state: 'kept' })
    await before.close()
    expect(sent).toEqual([])
    const after = open({ driver, onSent })
    const room = after.channel('room', { history: true })
    await expect.poll(() => sent).toHaveLength(1)
    const [kept] = (await room.history()).messages
    const { id, at } = kept?.meta ?? {}
    expect(sent).toEqual([{ topic: 'room', private: false, event: 'said', payload, id, at }])
    // What is sent while its caller waits is told to that one alone.
    expect(await room.broadcast('said', payload, keep)).toMatchObject({ state: 'sent' })
    expect(sent).toHaveLength(1)
    // It is there for who comes later, as any other message.
    const heard: unknown[] = []
    after.channel('room', { rewind: 10 }).on('said', (...message) => heard.push(message[0]))
    await expect.poll(() => heard).toEqual([payload, payload])
    await after.close()
    await server.close()
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
