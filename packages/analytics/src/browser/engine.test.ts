import { createManualClock } from '@msc/core/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { browserLocal } from '../drivers/browser-local.ts'
import { posthogBrowser } from '../drivers/posthog-browser.ts'
import type { FlagSource } from '../driver.ts'
import type { Evaluation, Subject } from '../messages.ts'
import { fakeStorage, openFakePage, type FakePage } from '../testing/fake-page.ts'
import type { BrowserAnalyticsConfig, BrowserParts, Moment } from './config.ts'
import { createBrowserEngine } from './engine.ts'

interface Posted {
  readonly url: string
  readonly body: string
  readonly keepalive: boolean
  readonly records: readonly { name: string; userId?: string; payload: Record<string, unknown> }[]
}

let page: FakePage
beforeEach(() => {
  page = openFakePage()
})
afterEach(() => page.close())

function setUp(
  config: BrowserAnalyticsConfig = {},
  storage: Storage = fakeStorage(),
  parts: Partial<BrowserParts> = {},
  startMs?: number,
) {
  const clock = createManualClock(startMs)
  const posted: Posted[] = []
  let status: number | 'offline' = 204
  const driver = browserLocal({
    ingestUrl: '/api/msc/browser',
    clock,
    fetch: async (url, init) => {
      const body = String(init?.body)
      // Like a browser, which limits keepalive requests to 64 KiB.
      if (init?.keepalive === true && body.length > 64 * 1024) throw new TypeError('Failed to fetch')
      if (status === 'offline') throw new TypeError('Failed to fetch')
      if (status === 204) {
        const { records } = JSON.parse(body) as Pick<Posted, 'records'>
        posted.push({ url: String(url), body, keepalive: init?.keepalive === true, records })
      }
      return new Response(null, { status })
    },
  })
  const engine = createBrowserEngine({ driver, ...parts }, config, { clock, storage, locks: null })
  const moment = (): Moment => ({ at: clock.now() })
  const records = () => posted.flatMap((each) => each.records)
  return { clock, engine, posted, records, moment, answer: (next: typeof status) => (status = next) }
}

describe('a page', () => {
  it('delivers events redacted, with their page, and without the query of any address', async () => {
    const { engine, clock, posted, records } = setUp()
    const where = {
      url: 'https://app.example/releases?token=s3cr3t#top',
      referrer: 'https://mail.example/read?email=ana@msc.example',
      title: 'Releases',
      userAgent: 'test',
    }
    engine.track(
      'paid',
      { password: 'night-drive', apiKey: 'k', mail: 'a@b.example' },
      { at: clock.now(), page: where },
    )
    await clock.advance(1000)
    expect(records()).toMatchObject([
      {
        name: 'paid',
        payload: {
          source: 'browser',
          properties: { password: '[redacted]', apiKey: '[redacted]', mail: '[email]' },
          page: { url: 'https://app.example/releases', referrer: 'https://mail.example/read' },
        },
      },
    ])
    for (const secret of ['s3cr3t', 'night-drive', 'ana@']) expect(posted[0]?.body).not.toContain(secret)
  })

  it('loses no event to a value that JSON can not represent', async () => {
    const { engine, clock, records, moment } = setUp()
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    const getter = Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('no')
      },
    })
    for (const [index, value] of [10n, cycle, getter, Symbol('s'), () => 1, undefined].entries()) {
      engine.track(`e${index}`, { value }, moment())
    }
    engine.track('last', {}, moment())
    await clock.advance(1000)
    expect(records().map(({ name }) => name)).toEqual(['e0', 'e1', 'e2', 'e3', 'e4', 'e5', 'last'])
    engine.identify('ana', {}, moment())
    engine.reset()
    engine.track('after', {}, moment())
    await clock.advance(1000)
    expect(records().at(-1)?.name).toBe('after')
    expect(records().at(-1)?.userId).not.toBe('ana')
  })

  it('delivers 300 events of one second, and batches much larger than 64 KiB', async () => {
    const { engine, clock, records, moment } = setUp()
    for (let i = 0; i < 300; i++) engine.track(`e${i}`, { text: 'x y '.repeat(250) }, moment())
    for (let second = 0; second < 5; second++) await clock.advance(1000)
    expect(records()).toHaveLength(300)
    expect(engine.analytics.stats()).toMatchObject({ accepted: 300, delivered: 300, dropped: 0 })
  })

  it.each([503, 'offline'] as const)(
    'keeps its events while the server is %s, and delivers each once',
    async (state) => {
      const { engine, clock, records, moment, answer } = setUp()
      answer(state)
      for (let i = 0; i < 20; i++) engine.track(`e${i}`, {}, moment())
      await clock.advance(20_000)
      expect(engine.analytics.stats()).toMatchObject({ queued: 20, dropped: 0 })
      answer(204)
      await clock.advance(120_000)
      expect(
        records()
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(Array.from({ length: 20 }, (_, i) => `e${i}`).toSorted())
    },
  )

  it('sends when it is left, in requests that outlive it and fit the browser’s limit', async () => {
    const { engine, posted, moment } = setUp()
    for (let i = 0; i < 100; i++) engine.track(`e${i}`, { text: 'x y '.repeat(250) }, moment())
    page.hide()
    // The requests must have been sent synchronously: no code of the page runs after this.
    expect(posted.length).toBeGreaterThan(0)
    expect(posted.at(-1)?.keepalive).toBe(true)
    expect(posted.at(-1)?.body.length).toBeLessThan(60 * 1024)
  })

  it('counts the events that do not fit its limits', async () => {
    const { engine, moment, answer } = setUp()
    answer('offline')
    for (let i = 0; i < 2100; i++) engine.track('e', {}, moment())
    const { accepted, dropped, queued, inFlight } = engine.analytics.stats()
    expect(accepted).toBe(2100)
    expect(dropped).toBe(100)
    expect(queued + inFlight).toBe(2000)
  })
})

describe('the visitor of a page', () => {
  const subjects = (records: readonly { name: string; payload: Record<string, unknown> }[]) =>
    records.map(({ name, payload }) => {
      const { sessionId: _, ...subject } = payload['subject'] as Subject
      return [name, subject]
    })

  it('keeps a visitor’s past when the visitor is identified, and never merges two people', async () => {
    const { engine, clock, records, moment } = setUp()
    engine.track('looked', {}, moment())
    engine.identify('ana', { role: 'artist' }, moment())
    engine.track('worked', {}, moment())
    engine.identify('ben', {}, moment())
    await clock.advance(1000)
    const { anonymousId } = (records()[0]?.payload['subject'] ?? {}) as Subject
    expect(subjects(records())).toEqual([
      ['looked', { anonymousId }],
      ['identify', { distinctId: 'ana', anonymousId }],
      ['worked', { distinctId: 'ana' }],
      ['identify', { distinctId: 'ben' }],
    ])
  })

  it('merges nobody when there is no past, and identifies once', async () => {
    const { engine, clock, records, moment } = setUp()
    engine.identify('ana', {}, moment())
    engine.identify('ana', {}, moment())
    engine.identify('ana', { role: 'artist' }, moment())
    await clock.advance(1000)
    expect(subjects(records())).toEqual([
      ['identify', { distinctId: 'ana' }],
      ['identify', { distinctId: 'ana' }],
    ])
  })

  it('repeats an identification that found no room, with the past', async () => {
    const { engine, clock, records, moment, answer } = setUp()
    answer('offline')
    for (let i = 0; i < 2000; i++) engine.track('looked', {}, moment())
    engine.identify('ana', {}, moment())
    answer(204)
    await clock.advance(120_000)
    engine.identify('ana', {}, moment())
    engine.identify('ana', {}, moment())
    await clock.advance(60_000)
    const { anonymousId } = (records()[0]?.payload['subject'] ?? {}) as Subject
    expect(anonymousId).toBeDefined()
    expect(subjects(records()).filter(([name]) => name === 'identify')).toEqual([
      ['identify', { distinctId: 'ana', anonymousId }],
    ])
  })

  it('follows the last tab: a sign-out there is a sign-out here, and is not undone', async () => {
    const storage = fakeStorage()
    const persist = { persist: () => true }
    const one = setUp(persist, storage)
    one.engine.identify('alice', {}, one.moment())
    const two = setUp({ ...persist, flags: { vip: true } }, storage)
    two.engine.track('looked', {}, two.moment())
    expect(two.engine.flag('vip')).toBe(true)
    one.engine.reset()
    two.engine.track('in the background', {}, two.moment())
    expect(two.engine.flag('vip')).toBeUndefined()
    const next = setUp(persist, storage)
    next.engine.track('by the next one', {}, next.moment())
    one.engine.identify('bob', {}, one.moment())
    two.engine.track('of bob', {}, two.moment())
    for (const { clock } of [two, next]) await clock.advance(1000)
    const people = [...two.records(), ...next.records()].map(({ name, payload }) => [
      name,
      (payload['subject'] as Subject).distinctId,
    ])
    expect(people).toEqual([
      ['looked', 'alice'],
      ['in the background', undefined],
      ['of bob', 'bob'],
      ['by the next one', undefined],
    ])
  })

  it('uses the flags of the person in the other tab, and exposes no others', async () => {
    const storage = fakeStorage()
    const persist = { persist: () => true }
    const flags: FlagSource = {
      specificationVersion: 1,
      name: 'flags',
      evaluate: async (_, { subject }) =>
        new Map([['price', { value: subject.distinctId ?? 'nobody', reason: 'targeting_match' }]]),
      health: async () => undefined,
      close: async () => undefined,
    }
    const one = setUp(persist, storage)
    one.engine.identify('alice', {}, one.moment())
    const two = setUp(persist, storage, { flags })
    await two.clock.advance(0)
    expect(two.engine.flag('price')).toBe('alice')
    one.engine.reset()
    one.engine.identify('bob', {}, one.moment())
    two.engine.expose('price', two.moment())
    expect(two.engine.flag('price')).toBeUndefined()
    await two.clock.advance(0)
    expect(two.engine.flag('price')).toBe('bob')
    two.engine.expose('price', two.moment())
    await two.clock.advance(1000)
    const met = two.records().map(({ payload }) => [payload['properties'], payload['subject']])
    expect(met).toMatchObject([[{ evaluation: { value: 'bob' } }, { distinctId: 'bob' }]])
  })

  it('ends a recording as soon as the browser reports a sign-out in another tab', () => {
    const storage = fakeStorage()
    const persist = { persist: () => true }
    const heard: string[] = []
    const one = setUp(persist, storage)
    one.engine.identify('alice', {}, one.moment())
    const recorder = {
      start: async () => void heard.push('start'),
      stop: () => void heard.push('stop'),
      identify: () => undefined,
    }
    const two = setUp(persist, storage, { recorder })
    two.engine.startRecording()
    page.stored('theme')
    one.engine.reset()
    page.stored('theme')
    expect(heard).toEqual(['start'])
    page.stored('msc:analytics:identity')
    expect(heard).toEqual(['start', 'stop'])
  })

  it('is one visitor in two tabs that each made up an id before anything could be stored', () => {
    const storage = fakeStorage()
    let isAllowed = false
    const config = { persist: () => isAllowed, flags: { 'new-checkout': true } }
    const heard: string[] = []
    const recorder = {
      start: async () => void heard.push('start'),
      stop: () => void heard.push('stop'),
      identify: () => void heard.push('identify'),
    }
    const one = setUp(config, storage)
    const two = setUp(config, storage, { recorder })
    one.engine.track('looked', {}, one.moment())
    two.engine.track('looked', {}, two.moment())
    two.engine.startRecording()
    isAllowed = true
    one.engine.track('accepted', {}, one.moment())
    page.stored('msc:analytics:identity')
    expect(two.engine.flag('new-checkout')).toBe(true)
    two.engine.identify('u1', {}, two.moment())
    expect(two.engine.flag('new-checkout')).toBe(true)
    expect(heard).toEqual(['start', 'identify'])
    // After a reset in the other tab it is another visitor here, identified or not.
    one.engine.reset()
    page.stored('msc:analytics:identity')
    expect(two.engine.flag('new-checkout')).toBeUndefined()
    expect(heard).toEqual(['start', 'identify', 'stop'])
  })

  it('keeps a person who was identified before anything could be stored, when another tab stores its visitor first', async () => {
    const storage = fakeStorage()
    let isAllowed = false
    const config = { persist: () => isAllowed, flags: { vip: true } }
    const one = setUp(config, storage)
    one.engine.identify('u1', {}, one.moment())
    const two = setUp(config, storage)
    two.engine.track('looked', {}, two.moment())
    isAllowed = true
    two.engine.track('accepted', {}, two.moment())
    page.stored('msc:analytics:identity')
    one.engine.track('bought', {}, one.moment())
    expect(one.engine.flag('vip')).toBe(true)
    two.engine.track('of the same person', {}, two.moment())
    for (const { clock } of [one, two]) await clock.advance(1000)
    const last = ({ records }: typeof one): unknown => records().at(-1)?.payload['subject']
    expect([last(one), last(two)]).toMatchObject([{ distinctId: 'u1' }, { distinctId: 'u1' }])
    // A sign-out still counts.
    two.engine.reset()
    one.engine.track('after', {}, one.moment())
    await one.clock.advance(1000)
    expect(last(one)).not.toHaveProperty('distinctId')
  })

  it.each([
    ['a sign-out that clears storage, after which the next page stores its visitor', 'cleared', 'stranger'],
    ['a sign-out that clears storage, before anybody is stored', 'cleared', 'nobody'],
    ['a sign-out that withdraws consent, which the next page has again', 'denied', 'stranger'],
  ])('is anonymous again after %s', async (_, how, next) => {
    const storage = fakeStorage()
    let isAllowed = true
    const config = { persist: () => isAllowed }
    const heard: string[] = []
    const recorder = {
      start: async () => undefined,
      stop: () => void heard.push('stop'),
      identify: ({ distinctId }: Subject) => void heard.push(String(distinctId)),
    }
    const frozen = setUp(config, storage, { recorder })
    const leaving = setUp(config, storage)
    frozen.engine.startRecording()
    frozen.engine.identify('alice', {}, frozen.moment())
    leaving.engine.track('looked', {}, leaving.moment())
    if (how === 'denied') isAllowed = false
    // The first refusal deletes what was stored, also for a tab that looks only later.
    if (how === 'denied') frozen.engine.track('without consent', {}, frozen.moment())
    leaving.engine.reset()
    if (how === 'cleared') storage.clear()
    isAllowed = true
    const login = setUp(config, storage)
    if (next === 'stranger') login.engine.track('the page to sign in', {}, login.moment())
    page.stored('msc:analytics:identity')
    frozen.engine.track('shown again', {}, frozen.moment())
    login.engine.track('signs in', {}, login.moment())
    for (const { clock } of [frozen, login]) await clock.advance(1000)
    const last = ({ records }: typeof frozen): unknown => records().at(-1)?.payload['subject']
    expect(last(frozen)).not.toHaveProperty('distinctId')
    expect(last(login)).not.toHaveProperty('distinctId')
    expect(heard).toEqual(['alice', 'stop'])
  })

  it('does not store a visitor over the person who signs in from the tab that cleared storage', async () => {
    const storage = fakeStorage()
    const config = { persist: () => true }
    const one = setUp(config, storage)
    one.engine.identify('alice', {}, one.moment())
    const two = setUp(config, storage)
    two.engine.track('looked', {}, two.moment())
    storage.clear()
    // The other tab learns of the cleared storage before the sign-in, which it does not see yet.
    page.stored('msc:analytics:identity')
    expect(storage.length).toBe(0)
    one.engine.identify('bob', {}, one.moment())
    two.engine.track('after', {}, two.moment())
    one.engine.track('after', {}, one.moment())
    for (const { clock } of [one, two]) await clock.advance(1000)
    for (const { records } of [one, two])
      expect(records().at(-1)?.payload['subject']).toMatchObject({ distinctId: 'bob' })
  })

  it('is the same person when consent is refused and given again, and nobody else was stored meanwhile', async () => {
    const storage = fakeStorage()
    let isAllowed = true
    const { engine, clock, records, moment } = setUp({ persist: () => isAllowed }, storage)
    engine.identify('alice', {}, moment())
    isAllowed = false
    engine.consentChanged()
    isAllowed = true
    engine.track('after', {}, moment())
    await clock.advance(1000)
    expect(records().at(-1)?.payload['subject']).toMatchObject({ distinctId: 'alice' })
  })

  it('requests the flags of the person whom another tab identified, and informs the recorder', async () => {
    const storage = fakeStorage()
    const persist = { persist: () => true }
    const asked: (string | undefined)[] = []
    const flags: FlagSource = {
      specificationVersion: 1,
      name: 'flags',
      async evaluate(_, { subject }) {
        asked.push(subject.distinctId)
        return new Map([['price', { value: subject.distinctId ?? 'nobody', reason: 'targeting_match' }]])
      },
      health: async () => undefined,
      close: async () => undefined,
    }
    const known: (string | undefined)[] = []
    const recorder = {
      start: async () => undefined,
      stop: () => undefined,
      identify: ({ distinctId }: Subject) => void known.push(distinctId),
    }
    const one = setUp(persist, storage)
    const two = setUp(persist, storage, { flags, recorder })
    await two.clock.advance(0)
    expect(two.engine.flag('price')).toBe('nobody')
    one.engine.identify('u1', {}, one.moment())
    page.stored('msc:analytics:identity')
    two.engine.identify('u1', {}, two.moment())
    await two.clock.advance(0)
    expect(two.engine.flag('price')).toBe('u1')
    expect(asked).toEqual([undefined, 'u1'])
    expect(known).toEqual(['u1'])
  })

  it('keeps the server’s flags for the person whom the page identifies first, whoever was stored before', async () => {
    const storage = fakeStorage()
    const persist = { persist: () => true }
    const before = setUp(persist, storage)
    before.engine.identify('bob', {}, before.moment())
    const { engine, moment } = setUp({ ...persist, flags: { price: 'of carol' } }, storage)
    engine.identify('carol', {}, moment())
    expect(engine.flag('price')).toBe('of carol')
    engine.identify('dave', {}, moment())
    expect(engine.flag('price')).toBeUndefined()
  })

  it('keeps the person it knows when storage accepts nothing any more', async () => {
    const storage = fakeStorage()
    const { engine, clock, records, moment } = setUp({ persist: () => true }, storage)
    engine.identify('alice', {}, moment())
    storage.setItem = () => {
      throw new Error('QuotaExceededError')
    }
    engine.reset()
    engine.track('after', {}, moment())
    await clock.advance(1000)
    expect(records().at(-1)?.payload['subject']).toMatchObject({ anonymousId: expect.any(String) })
  })

  it('is somebody else after a reset', async () => {
    const { engine, clock, records, moment } = setUp()
    engine.track('a', {}, moment())
    engine.identify('ana', {}, moment())
    engine.reset()
    engine.track('b', {}, moment())
    await clock.advance(1000)
    const [first, , last] = records().map(({ payload }) => payload['subject'] as Subject)
    expect(last?.distinctId).toBeUndefined()
    expect(last?.anonymousId).not.toBe(first?.anonymousId)
    expect(last?.sessionId).not.toBe(first?.sessionId)
  })

  it('is remembered over reloads with consent, and nothing is stored without it', async () => {
    const storage = fakeStorage()
    const before = setUp({ persist: () => true }, storage)
    before.engine.identify('ana', {}, before.moment())
    before.engine.track('a', {}, before.moment())
    await before.clock.advance(1000)
    const after = setUp({ persist: () => true }, storage)
    after.engine.track('b', {}, after.moment())
    await after.clock.advance(1000)
    expect(after.records().at(-1)?.userId).toBe('ana')
    expect(after.records().at(-1)?.payload['subject']).toEqual(before.records().at(-1)?.payload['subject'])

    const withdrawn = setUp({ persist: () => false }, storage)
    withdrawn.engine.track('c', {}, withdrawn.moment())
    await withdrawn.clock.advance(1000)
    expect(withdrawn.records().at(-1)?.userId).not.toBe('ana')
    expect(storage.length).toBe(0)

    const never = fakeStorage()
    const silent = setUp({}, never)
    silent.answer('offline')
    silent.engine.identify('ana', {}, silent.moment())
    await silent.clock.advance(5000)
    page.hide()
    expect(never.length).toBe(0)
  })

  it('delivers undelivered events after a reload, with consent', async () => {
    const storage = fakeStorage()
    const before = setUp({ persist: () => true }, storage)
    before.answer('offline')
    before.engine.track('kept', {}, before.moment())
    await before.clock.advance(2000)
    // The storage that a closed page leaves behind.
    const left = fakeStorage()
    for (let index = 0; index < storage.length; index++) {
      const key = storage.key(index) as string
      left.setItem(key, storage.getItem(key) as string)
    }
    // Without Web Locks, a page that has written nothing for a minute counts as closed.
    const after = setUp({ persist: () => true }, left, {}, before.clock.now() + 61_000)
    await after.clock.advance(2000)
    expect(after.records().map(({ name }) => name)).toEqual(['kept'])
    expect(after.engine.analytics.stats()).toMatchObject({ accepted: 1, delivered: 1 })
  })

  /** A storage with what an earlier page left in it. */
  const leftBehind = (...items: object[]): Storage => {
    const storage = fakeStorage()
    storage.setItem('msc:analytics:local:0123456789abcdef', JSON.stringify({ at: 1, items }))
    storage.setItem('msc:analytics:posthog-browser:0123456789abcdef', JSON.stringify({ at: 1, items }))
    storage.setItem('msc:analytics:identity', JSON.stringify({ anonymousId: 'a', distinctId: 'ana', sessionId: 's' }))
    storage.setItem('theme', 'dark')
    return storage
  }
  const stored = (message: object, more: object = {}): object => ({
    id: crypto.randomUUID(),
    at: 1_700_000_000_000,
    source: 'browser',
    subject: { distinctId: 'ana' },
    message,
    ...more,
  })
  const keysOf = (storage: Storage): (string | null)[] =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index))

  it('is forgotten before any event when the page loads without consent', () => {
    const storage = leftBehind(stored({ kind: 'track', event: 'paid', properties: {} }))
    setUp({ persist: () => false }, storage)
    expect(keysOf(storage)).toEqual(['theme'])
  })

  it('is forgotten as soon as consent is withdrawn, and a `persist` that throws counts as a refusal', async () => {
    const storage = leftBehind()
    let answer = (): boolean => true
    const { engine, clock, moment, answer: respond } = setUp({ persist: () => answer() }, storage)
    respond('offline')
    engine.identify('ana', {}, moment())
    await clock.advance(2000)
    expect(keysOf(storage).length).toBeGreaterThan(1)
    answer = () => {
      throw new Error('no banner yet')
    }
    engine.consentChanged()
    expect(keysOf(storage)).toEqual(['theme'])
    answer = () => true
    engine.track('again', {}, moment())
    expect(keysOf(storage).length).toBeGreaterThan(1)
    answer = () => false
    // A change that nobody reports is noticed when the page is left, at the latest.
    page.hide()
    expect(keysOf(storage)).toEqual(['theme'])
  })

  it('validates what was stored as strictly as new events', async () => {
    const track = { kind: 'track', event: 'fine', properties: { password: 'night-drive' } }
    const storage = leftBehind(
      stored(track),
      stored({ ...track, event: 'from the year of nanoseconds' }, { at: 1e18 }),
      stored({ kind: 'exposure', flag: 'f' }),
      stored({ kind: 'track', event: 7, properties: {} }),
      stored({ kind: 'loud' }),
      stored(track, { subject: { distinctId: {} } }),
      stored(track, { id: 'no uuid' }),
      stored(track, { page: { url: 'https://app.example/?token=abc', title: {} } }),
    )
    const { clock, records } = setUp({ persist: () => true }, storage)
    await clock.advance(2000)
    expect(records().map(({ name }) => name)).toEqual(['fine', 'from the year of nanoseconds', 'fine'])
    expect(JSON.stringify(records())).not.toMatch(/night-drive|token/)
    const times = records().map((record) => (record as unknown as { ts: number }).ts)
    expect(Math.max(...times)).toBeLessThanOrEqual(clock.now())
  })

  it('begins another session after half an hour without an event', async () => {
    const { engine, clock, records, moment } = setUp()
    engine.track('a', {}, moment())
    await clock.advance(29 * 60_000)
    engine.track('b', {}, moment())
    await clock.advance(31 * 60_000)
    engine.track('c', {}, moment())
    await clock.advance(1000)
    const [a, b, c] = records().map(({ payload }) => (payload['subject'] as Subject).sessionId)
    expect(b).toBe(a)
    expect(c).not.toBe(a)
  })
})

describe('flags in a page', () => {
  const source = (values: () => Record<string, Evaluation['value']>): FlagSource & { asked: Subject[] } => {
    const asked: Subject[] = []
    return {
      asked,
      specificationVersion: 1,
      name: 'flags',
      async evaluate(_keys, { subject }) {
        asked.push(subject)
        return new Map(Object.entries(values()).map(([key, value]) => [key, { value, reason: 'split' }]))
      },
      health: async () => undefined,
      close: async () => undefined,
    }
  }

  it('are the server’s as long as the person stays the same', async () => {
    const flags = source(() => ({ banner: 'red' }))
    const { engine, clock, moment } = setUp({ flags: { banner: 'blue' } }, undefined, { flags })
    await clock.advance(1000)
    engine.identify('ana', {}, moment())
    await clock.advance(1000)
    expect(engine.flag('banner')).toBe('blue')
    expect(flags.asked).toEqual([])
    engine.identify('ben', {}, moment())
    await clock.advance(1000)
    expect(engine.flag('banner')).toBe('red')
  })

  it('are requested once per person, and the request gives an anonymous visitor no past', async () => {
    const flags = source(() => ({ banner: 'red' }))
    const { engine, clock, moment, records } = setUp({}, undefined, { flags })
    await clock.advance(1000)
    for (let i = 0; i < 10; i++) expect(engine.flag('banner')).toBe('red')
    engine.identify('ana', {}, moment())
    await clock.advance(1000)
    expect(flags.asked).toMatchObject([{ anonymousId: expect.any(String) }, { distinctId: 'ana' }])
    expect(records()[0]?.payload['subject']).not.toHaveProperty('anonymousId')
  })

  it('are exposed once per person and value', async () => {
    const { engine, clock, moment, records } = setUp({ flags: { banner: 'blue' } })
    for (let i = 0; i < 10; i++) engine.expose('banner', moment())
    engine.expose('constructor', moment())
    await clock.advance(1000)
    expect(records().map(({ name }) => name)).toEqual(['banner'])
  })

  it('have no values for names that every object inherits', () => {
    const { engine } = setUp({ flags: {} })
    for (const name of ['constructor', 'toString', '__proto__']) expect(engine.flag(name)).toBeUndefined()
  })
})

it('go to PostHog redacted, and without the query of any address', async () => {
  const clock = createManualClock()
  const bodies: string[] = []
  const driver = posthogBrowser({
    key: 'phc_x',
    host: '/ingest',
    fetch: async (url, init) => {
      expect(String(url)).toBe('https://app.example/ingest/batch/')
      // A custom content type would make the browser send a preflight request.
      expect(init?.headers).toBeUndefined()
      bodies.push(String(init?.body))
      return Response.json({ status: 1 })
    },
  })
  const engine = createBrowserEngine({ driver }, {}, { clock })
  const at = clock.now()
  const where = { url: 'https://app.example/a?token=s3cr3t#x', referrer: '', title: 'A', userAgent: 'test' }
  engine.track('paid', { password: 'night-drive' }, { at, page: where })
  engine.page('/b?email=ana@msc.example', {
    at,
    page: { ...where, url: 'https://app.example/b?email=ana@msc.example' },
  })
  await clock.advance(1000)
  const { batch } = JSON.parse(bodies[0] as string) as {
    batch: { event: string; properties: Record<string, unknown> }[]
  }
  expect(batch).toMatchObject([
    {
      event: 'paid',
      properties: {
        password: '[redacted]',
        $current_url: 'https://app.example/a',
        $host: 'app.example',
        $pathname: '/a',
        $referrer: '$direct',
        $process_person_profile: false,
        $session_id: expect.stringMatching(/-7/),
      },
    },
    { event: '$pageview', properties: { $current_url: 'https://app.example/b', $pathname: '/b' } },
  ])
  for (const secret of ['s3cr3t', 'night-drive', 'ana@']) expect(bodies[0]).not.toContain(secret)
})

it('asks a recorder to record only if there is one, with the session of the events', () => {
  const calls: unknown[] = []
  const recorder = {
    start: async (subject: Subject) => void calls.push(['start', Object.keys(subject)]),
    stop: () => void calls.push(['stop']),
    identify: ({ distinctId }: Subject) => void calls.push(['identify', distinctId]),
  }
  expect(setUp().engine.startRecording()).toBe(false)
  const { engine, moment } = setUp({}, undefined, { recorder })
  expect(engine.startRecording()).toBe(true)
  engine.identify('ana', {}, moment())
  expect(engine.stopRecording()).toBe(true)
  expect(calls).toEqual([['start', ['anonymousId', 'sessionId']], ['identify', 'ana'], ['stop']])
})
