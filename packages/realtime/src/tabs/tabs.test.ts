import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock } from '@msc/core/testing'
import { createRealtime, type Channel, type Realtime } from '../create-realtime.ts'
import type { RealtimeDriver } from '../driver.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'
import { createFakeBrowser } from './fake-browser.ts'
import { shareTabs } from './index.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
let browser: ReturnType<typeof createFakeBrowser>
let fakes: Map<string, FakeRealtime>
const clients: Realtime[] = []

beforeEach(() => {
  browser = createFakeBrowser()
  fakes = new Map()
})
afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())))

interface Place {
  readonly driver?: Partial<RealtimeDriver>
  readonly session?: string
}

async function open(tab: string, sub = 'a', page = new EventTarget(), place: Place = {}): Promise<Realtime> {
  const fake = createFakeRealtime()
  fakes.set(tab, fake)
  const token = await signTestToken(secret, { sub, ...(place.session && { session_id: place.session }) })
  const client = createRealtime({
    driver: shareTabs({ ...fake.driver, ...place.driver }, { ...browser.tab(tab), page, patienceMs: 100 }),
    getToken: () => token,
    random: () => 0,
  })
  clients.push(client)
  return client
}
const topics = (tab: string): readonly string[] => fakes.get(tab)?.topics ?? []
const connected = (client: Realtime): Promise<void> =>
  expect
    .poll(() => client.status, { timeout: 5000 })
    .toBe('connected')
    .then(() => undefined)
const asked = (tab: string, what: string): unknown[] =>
  (fakes.get(tab)?.received ?? []).filter((request) => request.what === what)

describe('two tabs', () => {
  it('share one subscription, and each hears what comes', async () => {
    const [one, two] = [await open('1'), await open('2')]
    const heard: unknown[] = []
    one.channel('room').on('*', ({ n }) => heard.push(['1', n]))
    await connected(one)
    two.channel('room').on('*', ({ n }) => heard.push(['2', n]))
    await connected(two)
    expect([topics('1'), topics('2')]).toEqual([['room'], []])
    fakes.get('1')?.push('room', 'note', { n: 1 })
    await expect
      .poll(() => heard)
      .toEqual([
        ['1', 1],
        ['2', 1],
      ])
  })

  it('hear each other over the connection they share, and themselves not', async () => {
    const [one, two] = [await open('1'), await open('2')]
    const heard: unknown[] = []
    const first = one.channel('room')
    const second = two.channel('room')
    first.on('note', ({ n }) => heard.push(['1', n]))
    second.on('note', ({ n }) => heard.push(['2', n]))
    await connected(one)
    await connected(two)
    await second.broadcast('note', { n: 1 })
    await first.broadcast('note', { n: 2 })
    await expect
      .poll(() => heard)
      .toEqual([
        ['1', 1],
        ['2', 2],
      ])
    expect(asked('1', 'send')).toHaveLength(2)
  })

  it('hear how many there are, each when it asks', async () => {
    const [one, two] = [await open('1'), await open('2')]
    const heard: unknown[] = []
    const tellers: ((occupancy: unknown) => void)[] = []
    for (const fake of fakes.values()) {
      fake.override.occupancy = (_topic, told) => {
        if (told) tellers.push(told)
        told?.({ members: 1, users: 1 })
      }
    }
    one.channel('room').onOccupancy(({ members }) => heard.push(['1', members]))
    await expect.poll(() => heard).toEqual([['1', 1]])
    const stop = two.channel('room').onOccupancy(({ members }) => heard.push(['2', members]))
    await expect.poll(() => heard).toContainEqual(['2', 1])
    stop()
    heard.length = 0
    tellers.at(-1)?.({ members: 2, users: 1 })
    await expect.poll(() => heard).toEqual([['1', 2]])
    // What is no number is nobody's.
    tellers.at(-1)?.({ members: 'many' })
    tellers.at(-1)?.({ members: 3, users: 1 })
    await expect
      .poll(() => heard)
      .toEqual([
        ['1', 2],
        ['1', 3],
      ])
  })

  it('are both told when the connection is lost, and both come back', async () => {
    const [one, two] = [await open('1'), await open('2')]
    let gaps = 0
    for (const client of [one, two]) client.channel('room').onGap(() => (gaps += 1))
    await connected(one)
    await connected(two)
    fakes.get('1')?.drop('room')
    await expect.poll(() => gaps, { timeout: 5000 }).toBe(2)
    await connected(two)
    expect(topics('1')).toEqual(['room'])
  })

  it('leave a topic with the last of them', async () => {
    const [one, two] = [await open('1'), await open('2')]
    const [first, second] = [one.channel('room'), two.channel('room')]
    await connected(one)
    await connected(two)
    first.leave()
    await expect.poll(() => one.status).toBe('idle')
    expect(topics('1')).toEqual(['room'])
    second.leave()
    await expect.poll(() => topics('1')).toEqual([])
  })

  it('are one in presence: the state tracked last, until the last has gone', async () => {
    const [one, two] = [await open('1'), await open('2')]
    const states: unknown[] = []
    const join = (client: Realtime) => client.channel('room', { presenceKey: 'a' })
    const [first, second] = [join(one), join(two)]
    await first.track({ tab: 1 })
    await second.track({ tab: 2 })
    first.onPresence((state) => states.push(state))
    fakes.get('1')?.presence('room', { a: [{ tab: 2 }] })
    await expect.poll(() => states).toEqual([{ a: [{ tab: 2 }] }])
    second.leave()
    // The first is still there, with what it said.
    await expect.poll(() => asked('1', 'track').at(-1)).toMatchObject({ detail: { tab: 1 } })
    await first.untrack()
    expect(asked('1', 'untrack')).toHaveLength(1)
  })

  it('may want presence or not, in any order; what can not be shared is said', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const [one, two, three] = [await open('1'), await open('2'), await open('3')]
    const heard: unknown[] = []
    one.channel('room').on('note', ({ n }) => heard.push(['1', n]))
    await connected(one)
    const second = two.channel('room', { presenceKey: 'a' })
    second.on('note', ({ n }) => heard.push(['2', n]))
    await second.track({ tab: 2 })
    await connected(one)
    // One membership, with presence, and both of them hear.
    expect(asked('1', 'subscribe').at(-1)).toMatchObject({ detail: { presenceKey: 'a' } })
    expect(topics('1')).toEqual(['room'])
    fakes.get('1')?.push('room', 'note', { n: 1 })
    await expect
      .poll(() => heard.toSorted())
      .toEqual([
        ['1', 1],
        ['2', 1],
      ])
    const errors: Error[] = []
    three.channel('room', { presenceKey: 'b' }).onError((error) => errors.push(error))
    await expect.poll(() => errors[0]).toMatchObject({ code: 'REALTIME_TOPIC_CONFLICT' })
    fakes.get('1')?.push('room', 'note', { n: 2 })
    await expect.poll(() => heard.length).toBe(4)
    warn.mockRestore()
  })

  it('of two users share nothing', async () => {
    const [one, two] = [await open('1', 'a'), await open('2', 'b')]
    one.channel('room')
    two.channel('room')
    await connected(one)
    await connected(two)
    expect([topics('1'), topics('2')]).toEqual([['room'], ['room']])
  })

  it.each<[string, Place, Place]>([
    ['backends', { driver: { backend: 'https://a key' } }, { driver: { backend: 'https://b key' } }],
    ['keys of one backend', { driver: { backend: 'https://a one' } }, { driver: { backend: 'https://a two' } }],
    ['addresses', { driver: { endpoint: 'https://a' } }, { driver: { endpoint: 'https://b' } }],
    ['sessions of one account', { session: '1' }, { session: '2' }],
  ])('of two %s share nothing', async (_what, here, there) => {
    const [one, two] = [await open('1', 'a', undefined, here), await open('2', 'a', undefined, there)]
    const heard: unknown[] = []
    one.channel('room').on('*', (payload) => heard.push(payload))
    two.channel('room').on('*', (payload) => heard.push(payload))
    await connected(one)
    await connected(two)
    expect([topics('1'), topics('2')]).toEqual([['room'], ['room']])
    fakes.get('1')?.push('room', 'note', { n: 1 })
    await expect.poll(() => heard).toEqual([{ n: 1 }])
  })

  it('share no more once the user of one of them changes', async () => {
    let user: string | undefined = 'a'
    const fake = createFakeRealtime()
    fakes.set('2', fake)
    const one = await open('1')
    const two = createRealtime({
      driver: shareTabs(fake.driver, { ...browser.tab('2'), page: new EventTarget(), patienceMs: 100 }),
      getToken: () => (user === undefined ? undefined : signTestToken(secret, { sub: user })),
      random: () => 0,
    })
    clients.push(two)
    one.channel('room')
    await connected(one)
    const channel = two.channel('room')
    const heard: unknown[] = []
    channel.on('*', (payload) => heard.push(payload))
    await connected(two)
    expect(topics('2')).toEqual([])
    user = undefined
    await two.refreshToken()
    await expect.poll(() => topics('2'), { timeout: 5000 }).toEqual(['room'])
    expect(asked('2', 'subscribe')).toMatchObject([{ detail: { user: '' } }])
    fakes.get('1')?.push('room', 'note', { of: 'a' })
    fakes.get('2')?.push('room', 'note', { of: 'nobody' })
    await expect.poll(() => heard).toEqual([{ of: 'nobody' }])
    expect(topics('1')).toEqual(['room'])
  })

  it('both know the limits that the server told, and send bytes where the driver can', async () => {
    const bytes: unknown[] = []
    const driver = (tab: string): Partial<RealtimeDriver> => ({
      subscribe: async (...args) => ({
        ...(await (fakes.get(tab) as FakeRealtime).driver.subscribe(...args)),
        limits: { messageBytes: 100 },
        sendBytes: async (_event, payload) => void bytes.push(payload),
      }),
    })
    const one = await open('1', 'a', undefined, { driver: driver('1') })
    const two = await open('2', 'a', undefined, { driver: driver('2') })
    one.channel('room').on('*', () => undefined)
    await connected(one)
    const channel = two.channel('room')
    await connected(two)
    await expect(channel.broadcast('note', 'x'.repeat(100))).rejects.toMatchObject({
      code: 'REALTIME_PAYLOAD_TOO_LARGE',
    })
    await channel.broadcast('sound', new Uint8Array([1]))
    expect(bytes).toEqual([new Uint8Array([1])])
    expect(asked('1', 'send')).toEqual([])
  })

  it('are refused alike, in the server’s words', async () => {
    const [one, two] = [await open('1'), await open('2')]
    one.channel('room')
    await connected(one)
    const fake = fakes.get('1')
    if (fake) fake.override.send = () => Promise.reject(new Error('not you'))
    await expect(two.channel('room').broadcast('note', {})).rejects.toThrow('not you')
  })

  it('send what they would without each other: the JSON form, made in the tab that sends', async () => {
    class Price {
      readonly cents: number
      readonly margin = 'for nobody else'
      constructor(cents: number) {
        this.cents = cents
      }
      toJSON(): string {
        return `${this.cents / 100} EUR`
      }
    }
    const [one, two] = [await open('1'), await open('2')]
    const [first, second] = [one, two].map((client) => client.channel('room', { presenceKey: 'a' }))
    await first?.ready
    await second?.ready
    const heard: unknown[] = []
    for (const channel of [first, second]) channel?.on('*', (payload) => heard.push(payload))
    const payload = { price: new Price(1999), at: new Date(0), f: () => 1, gone: undefined, none: Number.NaN }
    const written = { price: '19.99 EUR', at: '1970-01-01T00:00:00.000Z', none: null }
    await first?.broadcast('note', payload)
    await second?.broadcast('note', payload)
    await second?.track(payload)
    await expect.poll(() => heard).toEqual([written, written])
    const sent = asked('1', 'send').map((request) => (request as { detail: { payload: object } }).detail.payload)
    expect(sent).toMatchObject([written, written])
    expect(sent.map((each) => 'f' in each)).toEqual([false, false])
    expect(asked('1', 'track').at(-1)).toMatchObject({ detail: written })
  })

  it('send numbers with all the digits that `JSON.rawJSON` gives them, and tell each other what a page can read', async () => {
    const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown }
    // Node 20 has none.
    if (!rawJSON) return
    const [one, two] = [await open('1'), await open('2')]
    const [first, second] = [one, two].map((client) => client.channel('room', { presenceKey: 'a' })) as [
      Channel,
      Channel,
    ]
    await first.ready
    await second.ready
    const heard: unknown[] = []
    first.on('*', (payload) => heard.push(payload))
    const payload = { n: rawJSON('12345678901234567890') }
    await second.broadcast('note', payload)
    await second.track(payload)
    const details = [...asked('1', 'send'), ...asked('1', 'track')] as { detail: { payload?: object; n?: unknown } }[]
    const written = details.map(({ detail }) =>
      JSON.stringify((detail.payload as { n?: unknown } | undefined)?.n ?? detail.n),
    )
    expect(written).toEqual(['12345678901234567890', '12345678901234567890'])
    await expect.poll(() => heard).toEqual([{ n: 12_345_678_901_234_567_000 }])
  })

  it('refuse what is no JSON', async () => {
    const driver = shareTabs(createFakeRealtime().driver, { ...browser.tab('1'), page: new EventTarget() })
    const { signal } = new AbortController()
    const handlers = { onMessage() {}, onPresence() {}, onDown() {} }
    const live = await driver.subscribe(
      'room',
      { private: false, token: 't', user: 'a', self: false },
      handlers,
      signal,
    )
    for (const use of [live.send('note', { n: 1n }, signal), live.track({ n: 1n }, signal)])
      await expect(use).rejects.toMatchObject({ code: 'REALTIME_PAYLOAD_INVALID', retryable: false })
    await driver.close()
  })

  it('tell the other that a message was lost which can not be handed on', async () => {
    const [one, two] = [await open('1'), await open('2')]
    let gaps = 0
    one.channel('room')
    await connected(one)
    two.channel('room').onGap(() => (gaps += 1))
    await connected(two)
    fakes.get('1')?.push('room', 'note', { f: () => 1 })
    await expect.poll(() => gaps, { timeout: 5000 }).toBe(1)
    await connected(two)
  })
})

describe('the tab that has the connection', () => {
  const history = (fake: FakeRealtime | undefined, rows: readonly number[]): void => {
    if (!fake) return
    const epoch = '00000000-0000-0000-0000-000000000000'
    fake.override.since = (_topic, after) => ({
      events: rows
        .filter((n) => after !== undefined && n > Number(after.split(':')[1]))
        .map((n) => ({ event: 'INSERT', payload: { record: { n }, _msc: { id: `f${n}` } } })),
      cursor: `${epoch}:${Math.max(0, ...rows)}`,
      gap: false,
      more: false,
    })
  }

  it.each(['closes', 'crashes'])('%s: the next takes over at once, and misses nothing', async (how) => {
    const [one, two, three] = [await open('1'), await open('2'), await open('3')]
    const heard: Record<string, number[]> = { '2': [], '3': [] }
    const gaps: string[] = []
    for (const tab of ['1', '2', '3']) history(fakes.get(tab), [1])
    one.feed('items', 'a', () => {})
    await connected(one)
    two.feed<{ n: number }>(
      'items',
      'a',
      ({ data }) => heard['2']?.push(data.n),
      () => gaps.push('2'),
    )
    await connected(two)
    three.feed<{ n: number }>(
      'items',
      'a',
      ({ data }) => heard['3']?.push(data.n),
      () => gaps.push('3'),
    )
    await connected(three)
    expect([topics('2'), topics('3')]).toEqual([[], []])
    // Written while nobody is connected.
    for (const tab of ['2', '3']) history(fakes.get(tab), [1, 2, 3])
    const from = performance.now()
    if (how === 'closes') await one.close()
    else browser.crash('1')
    await expect.poll(() => heard, { timeout: 5000 }).toEqual({ '2': [2, 3], '3': [2, 3] })
    console.log(`${how}: taken over after ${Math.round(performance.now() - from)} ms`)
    expect([topics('2'), topics('3')].filter(({ length }) => length > 0)).toHaveLength(1)
    expect(gaps).toEqual([])
  })

  it('hangs: another takes the connection from it, and it follows when it wakes', { timeout: 30_000 }, async () => {
    const [one, two] = [await open('1'), await open('2')]
    one.channel('room')
    await connected(one)
    two.channel('room')
    await connected(two)
    browser.hang('1')
    await expect.poll(() => topics('2'), { timeout: 15_000 }).toEqual(['room'])
    browser.wake('1')
    // It learned by its lock that it leads no more.
    await expect.poll(() => topics('1'), { timeout: 15_000 }).toEqual([])
    await connected(one)
    expect(topics('2')).toEqual(['room'])
  })

  it('is left for another page: it lets go, and is back when it is seen again', async () => {
    const page = new EventTarget()
    const [one, two] = [await open('1', 'a', page), await open('2')]
    one.channel('room')
    await connected(one)
    two.channel('room')
    await connected(two)
    page.dispatchEvent(new Event('pagehide'))
    await expect.poll(() => [topics('1'), topics('2')], { timeout: 5000 }).toEqual([[], ['room']])
    expect(browser.locksOf('1')).toEqual([])
    page.dispatchEvent(new Event('pageshow'))
    await connected(one)
    const heard: unknown[] = []
    one.channel('room').on('note', () => heard.push('note'))
    fakes.get('2')?.push('room', 'note', {})
    await expect.poll(() => heard).toEqual(['note'])
  })

  it('forgets the tabs that crash', async () => {
    const [one, two] = [await open('1'), await open('2')]
    one.channel('other')
    await connected(one)
    two.channel('room')
    await connected(two)
    expect(topics('1')).toEqual(['other', 'room'])
    browser.crash('2')
    await expect.poll(() => topics('1')).toEqual(['other'])
  })
})

it('is the driver itself where there are no locks', () => {
  const { driver } = createFakeRealtime()
  expect(shareTabs(driver)).toBe(driver)
})

describe('a page to which the browser gives no locks', () => {
  const refusals: readonly (readonly [string, () => Promise<never>])[] = [
    ['rejects', () => Promise.reject(new DOMException('The origin is opaque.', 'SecurityError'))],
    [
      'throws',
      () => {
        throw new DOMException('The document is not active.', 'InvalidStateError')
      },
    ],
    ['never settles', () => new Promise<never>(() => {})],
    ['resolves and gives none', () => Promise.resolve() as Promise<never>],
  ]
  it.each(refusals)('has a connection of its own, where the request %s', async (_how, request) => {
    const asked = vi.fn(request)
    const fake = createFakeRealtime()
    const tabs = { ...browser.tab('1'), page: new EventTarget(), patienceMs: 100 }
    const token = await signTestToken(secret, { sub: 'a' })
    const client = createRealtime({
      driver: shareTabs(fake.driver, { ...tabs, locks: { request: asked } }),
      getToken: () => token,
      random: () => 0,
    })
    clients.push(client)
    client.channel('room')
    client.channel('hall')
    await connected(client)
    expect(fake.topics.toSorted()).toEqual(['hall', 'room'])
    // Tried out once, and never asked again.
    expect(asked).toHaveBeenCalledTimes(1)
  })
})

describe('a page to which the browser gives no channels', () => {
  const insecure = (): Error => new DOMException('The operation is insecure.', 'SecurityError')
  class Closed {
    constructor() {
      throw insecure()
    }
    postMessage(): void {}
    addEventListener(): void {}
    close(): void {}
  }
  class Mute {
    postMessage(): void {
      throw insecure()
    }
    addEventListener(): void {}
    close(): void {}
  }
  class Deaf {
    postMessage(): void {}
    addEventListener(): void {}
    close(): void {}
  }
  it.each([
    ['can not be opened', Closed],
    ['can not be spoken on', Mute],
    ['brings nothing', Deaf],
  ])('has a connection of its own, where one %s', async (_how, BroadcastChannel) => {
    const fake = createFakeRealtime()
    const tabs = { ...browser.tab('1'), BroadcastChannel, page: new EventTarget(), patienceMs: 100 }
    const client = createRealtime({ driver: shareTabs(fake.driver, tabs), random: () => 0 })
    clients.push(client)
    client.channel('room')
    await connected(client)
    expect(fake.topics).toEqual(['room'])
  })
})

it.each([
  ['at once', () => Promise.reject(new DOMException('The lock was stolen.', 'AbortError'))],
  ['for nothing', () => Promise.resolve()],
])('asks no browser without end that takes each lock away again %s', async (_how, take) => {
  const fake = createFakeRealtime()
  const tab = browser.tab('1')
  const request = vi.fn<typeof tab.locks.request>((lock, ...more) =>
    lock.endsWith(':leader') ? take() : tab.locks.request(lock, ...more),
  )
  const clock = createManualClock(Date.now())
  const driver = shareTabs(fake.driver, { ...tab, locks: { request }, page: new EventTarget(), clock })
  const options = { private: false, token: undefined, self: false }
  const handlers = { onMessage() {}, onPresence() {}, onDown() {} }
  const joined = driver.subscribe('room', options, handlers, new AbortController().signal)
  const isJoined = vi.fn()
  void joined.then(isJoined)
  for (let ms = 0; ms < 30_000 && isJoined.mock.calls.length === 0; ms += 100) {
    await clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(fake.topics).toEqual(['room'])
  expect(request.mock.calls.length).toBeLessThan(15)
  await driver.close()
})

it('refuses a patience that is no number', () => {
  const { driver } = createFakeRealtime()
  expect(() => shareTabs(driver, { patienceMs: Number.NaN })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
})
