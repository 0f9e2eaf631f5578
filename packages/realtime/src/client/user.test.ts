import { sleep } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { deferred } from '../base/promises.ts'
import { createRealtime, type Realtime, type RealtimeOptions } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

const secret = 'a-secret-for-tests-that-is-long-enough-0123'
let fake: FakeRealtime
let clock: ManualClock
let client: Realtime
let token: string | undefined
/** Of Ana, of another session of hers, as an administrator, and of Bo; the first ends in a minute. */
let tokens: Record<'ana' | 'anaAgain' | 'anaElsewhere' | 'anaAsAdmin' | 'bo', string>

const connect = (options: Partial<RealtimeOptions> = {}): Realtime =>
  (client = createRealtime({ driver: fake.driver, clock, random: () => 0.5, getToken: () => token, ...options }))
const details = (what: string): unknown[] =>
  fake.received.filter((request) => request.what === what).map(({ detail }) => detail)
const joins = (): unknown[] => details('subscribe').map((detail) => (detail as { token?: string }).token)
const settle = (): Promise<void> => clock.advance(0)

// What is loaded late is there, or the clock of a test would run ahead of it.
beforeAll(async () => {
  await Promise.all([import('./user.ts'), import('./sending.ts'), import('../feed/feed-code.ts')])
  const sign = (claims: Record<string, string>, seconds = 3600): Promise<string> =>
    signTestToken(secret, claims, seconds)
  const [ana, anaAgain, anaElsewhere, anaAsAdmin, bo] = await Promise.all([
    sign({ sub: 'ana', session_id: '1' }, 60),
    sign({ sub: 'ana', session_id: '1' }),
    sign({ sub: 'ana', session_id: '2' }),
    sign({ sub: 'ana', session_id: '1', role: 'admin' }),
    sign({ sub: 'bo', session_id: '3' }),
  ])
  tokens = { ana, anaAgain, anaElsewhere, anaAsAdmin, bo }
})
beforeEach(() => {
  fake = createFakeRealtime()
  clock = createManualClock(Date.now())
  token = tokens.ana
})
afterEach(() => client.close())

describe('a token', () => {
  it('that comes while a topic is being joined is handed on once it is live', async () => {
    const joining = deferred<void>()
    fake.override.subscribe = () => joining.promise
    connect().channel('room')
    await settle()
    token = tokens.anaAgain
    await client.refreshToken()
    expect(details('token')).toEqual([])
    joining.resolve()
    await settle()
    await settle()
    expect(joins()).toEqual([tokens.ana])
    expect(details('token')).toEqual([tokens.anaAgain])
    // It is that one's end by which it is renewed.
    for (let passed = 0; passed < 120; passed++) await clock.advance(1000)
    expect(details('token')).toEqual([tokens.anaAgain])
  })

  it('is no page that a proxy answers with, and nobody has none, also where that is an empty text', async () => {
    connect({ onError: () => undefined }).channel('room')
    await clock.advance(2000)
    token = '<html>502 Bad Gateway</html>'
    await expect(client.refreshToken()).rejects.toMatchObject({ code: 'REALTIME_TOKEN_INVALID', retryable: false })
    await clock.advance(2000)
    expect([joins(), client.status]).toEqual([[tokens.ana], 'connected'])
    token = ''
    await client.refreshToken()
    await settle()
    await settle()
    expect(joins()).toEqual([tokens.ana, undefined])
    // Nobody is signed in, and that page is still no token.
    token = '<html>502 Bad Gateway</html>'
    await expect(client.refreshToken()).rejects.toMatchObject({ code: 'REALTIME_TOKEN_INVALID' })
    await clock.advance(2000)
    expect(joins()).toEqual([tokens.ana, undefined])
  })
})

describe('a change of user', () => {
  it.each([
    ['nobody', () => undefined],
    ['another account', () => tokens.bo],
    ['another session of the same account', () => tokens.anaElsewhere],
    ['another role', () => tokens.anaAsAdmin],
  ])('to %s leaves and joins every topic again, at once and as nobody but them', async (_who, next) => {
    connect()
    client.channel('room')
    client.channel('orders:ana', { private: true })
    await clock.advance(2000)
    token = next()
    await client.refreshToken()
    await settle()
    await settle()
    expect(joins()).toEqual([tokens.ana, tokens.ana, token, token])
    expect(fake.received.filter(({ what }) => what === 'leave')).toHaveLength(2)
    expect(details('token')).toEqual([])
    expect(client.status).toBe('connected')
  })

  it('is seen within a second, whatever a topic is at: refused, joining, or about to try again', async () => {
    token = undefined
    let isRefused = true
    fake.override.subscribe = () => {
      if (isRefused) throw new Error('Nobody may.')
    }
    connect({ onError: () => undefined, random: () => 1 }).channel('orders', { private: true })
    for (let passed = 0; passed < 60; passed++) await clock.advance(1000)
    isRefused = false
    token = tokens.bo
    await client.refreshToken()
    await settle()
    expect(joins().at(-1)).toBe(tokens.bo)
    expect(client.status).toBe('connected')
  })

  it('gives up a join that is under way, and leaves alone what comes of it', async () => {
    let grant = (): void => {}
    fake.override.subscribe = () => new Promise<void>((resolve) => (grant = resolve))
    const channel = connect().channel('room')
    const heard: unknown[] = []
    channel.on('*', (payload) => heard.push(payload))
    await settle()
    const late = grant
    delete fake.override.subscribe
    token = tokens.bo
    await client.refreshToken()
    await clock.advance(1000)
    late()
    await settle()
    expect(joins()).toEqual([tokens.ana, tokens.bo])
    await channel.ready
    fake.push('room', 'note', { n: 1 })
    expect(heard).toEqual([{ n: 1 }])
  })

  it('rejects what waits to be sent, and sends nothing of it as the next', async () => {
    fake.override.subscribe = () => new Promise(() => {})
    const channel = connect().channel('room')
    await settle()
    const refused = Promise.all(
      [channel.broadcast('note', { secret: 1 }), channel.track({ name: 'Ana' })].map((sent) =>
        expect(sent).rejects.toMatchObject({ code: 'REALTIME_USER_CHANGED', retryable: false }),
      ),
    )
    await settle()
    delete fake.override.subscribe
    token = tokens.bo
    await client.refreshToken()
    await refused
    await clock.advance(1000)
    expect(client.status).toBe('connected')
    expect(details('send')).toEqual([])
    expect(details('track')).toEqual([])
    await channel.broadcast('note', { n: 1 })
    expect(details('send')).toHaveLength(1)
  })

  it('forgets who was shown and what was tracked, and hears nothing more of the subscription before', async () => {
    const handlers: { onMessage(event: string, payload: unknown): void; onPresence(state: object): void }[] = []
    const driver = {
      ...fake.driver,
      subscribe: (...args: Parameters<typeof fake.driver.subscribe>) => {
        handlers.push(args[2] as (typeof handlers)[number])
        return fake.driver.subscribe(...args)
      },
    }
    const channel = connect({ driver }).channel('room', { presenceKey: 'ana' })
    const shown: unknown[] = []
    const heard: unknown[] = []
    channel.onPresence((state) => shown.push(state))
    channel.on('*', (payload) => heard.push(payload))
    await channel.track({ name: 'Ana' })
    fake.presence('room', { ana: [{ name: 'Ana' }] })
    await clock.advance(2000)
    token = tokens.bo
    await client.refreshToken()
    expect(shown.at(-1)).toEqual({})
    handlers[0]?.onMessage('note', { of: 'ana' })
    handlers[0]?.onPresence({ ana: [{}] })
    await settle()
    await settle()
    expect([shown.length, heard]).toEqual([2, []])
    expect(details('track')).toHaveLength(1)
    await channel.track({ name: 'Bo' })
    expect(details('track').at(-1)).toEqual({ name: 'Bo' })
  })

  it('begins a feed without the position, the ids and the messages of the user before, and tells of a gap', async () => {
    const epoch = '0af76519-16cd-43dd-8448-eb211c80319c'
    fake.override.since = () => ({ events: [], cursor: `${epoch}:10`, more: false, gap: false })
    const heard: unknown[] = []
    const snapshots: ((rows: readonly { n: number }[]) => void)[] = []
    const onGap = vi.fn()
    connect().feed<{ n: number }>('items', 'ana', {
      snapshot: () => new Promise((resolve) => snapshots.push(resolve)),
      onSnapshot: (rows) => heard.push(rows),
      onChange: ({ data }) => heard.push(data),
      onGap,
    })
    await clock.advance(2000)
    fake.push('feed:items:ana', 'INSERT', { record: { n: 1 }, _msc: { id: 'f1', cursor: `${epoch}:11` } })
    token = tokens.bo
    await client.refreshToken()
    for (const load of snapshots.splice(0, 1)) load([{ n: -1 }])
    await settle()
    await settle()
    for (const load of snapshots) load([{ n: -2 }])
    await settle()
    expect(details('since')).toEqual([undefined, undefined])
    expect(heard).toEqual([[{ n: -2 }]])
    expect(onGap).toHaveBeenCalled()
    fake.push('feed:items:ana', 'INSERT', { record: { n: 1 }, _msc: { id: 'f1', cursor: `${epoch}:11` } })
    expect(heard.at(-1)).toEqual({ n: 1 })
  })

  it('takes from the health what could not be loaded for the one before', async () => {
    connect({ onError: () => undefined })
    client.feed('items', 'ana', {
      snapshot: () =>
        token === tokens.ana ? Promise.reject(new Error('not yours')) : new Promise<never>(() => undefined),
      onSnapshot: () => undefined,
      onChange: () => undefined,
    })
    await clock.advance(2000)
    expect(await client.health()).toMatchObject({ status: 'degraded', detail: expect.stringContaining('not yours') })
    token = tokens.bo
    await client.refreshToken()
    await clock.advance(1000)
    expect(client.status).toBe('connected')
    expect(await client.health()).toEqual(expect.not.objectContaining({ detail: expect.anything() }))
  })

  it('gives a feed one gap at once, and loads its rows once it is live, as the one of now', async () => {
    const heard: unknown[] = []
    connect()
    client.feed<{ n: number }>('items', 'ana', {
      snapshot: async () => {
        heard.push(`load ${client.status}`)
        return []
      },
      onSnapshot: () => heard.push('rows'),
      onChange: () => undefined,
      onGap: () => heard.push('gap'),
    })
    // Who loads by themselves has to hear of both.
    client.feed(
      'items',
      'ana',
      () => undefined,
      () => heard.push(`also ${client.status}`),
    )
    await clock.advance(2000)
    expect(heard.splice(0)).toEqual(['load connected', 'rows'])
    token = tokens.bo
    await client.refreshToken()
    expect(heard.filter((what) => !String(what).startsWith('also'))).toEqual(['gap'])
    await clock.advance(2000)
    expect(heard.filter((what) => !String(what).startsWith('also'))).toEqual(['gap', 'load connected', 'rows'])
    expect(heard.filter((what) => String(what).startsWith('also'))).toHaveLength(2)
  })

  it('is no loop where `getToken` names another user each time', async () => {
    let asked = 0
    connect({ getToken: () => [tokens.ana, tokens.bo][asked++ % 2] })
    for (const topic of ['a', 'b', 'c']) {
      client.channel(topic)
      await settle()
    }
    for (let passed = 0; passed < 1000; passed++) await clock.advance(10)
    // Three topics, each a few times in a second.
    expect(asked).toBeGreaterThan(3)
    expect(asked).toBeLessThan(100)
  })
})

describe('a renewal', () => {
  const renewal = async (getToken: RealtimeOptions['getToken']): Promise<void> => {
    let asked = 0
    connect({ getToken: (signal) => (asked++ === 0 ? tokens.ana : getToken?.(signal)) }).channel('room')
    await settle()
    await settle()
    await clock.advance(31_000)
    await settle()
  }

  it('with a newer token of the same user keeps the topic', async () => {
    await renewal(() => tokens.anaAgain)
    expect(details('token')).toEqual([tokens.anaAgain])
    expect(joins()).toEqual([tokens.ana])
  })

  it.each([
    ['nobody', () => undefined],
    ['another user', () => tokens.bo],
  ])('that names %s is a change of user', async (_who, next) => {
    await renewal(next)
    expect(details('token')).toEqual([])
    expect(joins()).toEqual([tokens.ana, next()])
  })

  it('that rejects is no news: the topic stays as it is', async () => {
    await renewal(() => Promise.reject(new Error('away')))
    expect(joins()).toEqual([tokens.ana])
    expect(client.status).toBe('connected')
  })
})

describe('refreshToken', () => {
  it('hands on a newer token of the same user, and nothing else', async () => {
    connect().channel('room')
    await settle()
    await settle()
    await client.refreshToken()
    token = tokens.anaAgain
    await client.refreshToken()
    expect(details('token')).toEqual([tokens.anaAgain])
    expect(joins()).toEqual([tokens.ana])
  })

  it('rejects with what `getToken` does, and changes nothing', async () => {
    let fails = false
    connect({
      getToken() {
        if (fails) throw new Error('away')
        return token
      },
    }).channel('room')
    await settle()
    fails = true
    await expect(client.refreshToken()).rejects.toThrow('away')
    await settle()
    expect(joins()).toEqual([tokens.ana])
    expect(client.status).toBe('connected')
  })

  it('takes no answer that was under way when it was called', async () => {
    connect({
      async getToken() {
        const mine = token
        await sleep(500, { clock })
        return mine
      },
    }).channel('room')
    await settle()
    token = undefined
    const refreshed = client.refreshToken()
    await clock.advance(500)
    await refreshed
    await clock.advance(500)
    expect(joins()).toEqual([undefined])
  })

  it.each([
    ['waits for it', async () => client.refreshToken()],
    ['waits for it after another request', async () => sleep(5, { clock }).then(() => client.refreshToken())],
    ['does not wait for it', () => void client.refreshToken().catch(() => undefined)],
    ['passes over what it rejects with', async () => client.refreshToken().catch(() => undefined)],
  ])('goes round no more than a hundred times where `getToken` calls it and %s', async (_how, call) => {
    let asked = 0
    let isIn = true
    connect({
      onError: () => undefined,
      getToken() {
        asked += 1
        const answer = isIn ? token : undefined
        const called = isIn ? undefined : call()
        return called ? called.then(() => answer) : answer
      },
    }).channel('room')
    await settle()
    isIn = false
    asked = 0
    const answers: unknown[] = []
    const answer = (said: unknown): void => void answers.push(said)
    client.refreshToken().then(answer, answer)
    for (let passed = 0; passed < 400; passed++) await clock.advance(5)
    expect(answers).toHaveLength(1)
    if (answers[0]) expect(answers[0]).toMatchObject({ code: 'REALTIME_TOKEN_LOOP', retryable: false })
    // The join as nobody asks by itself.
    expect(asked).toBeLessThanOrEqual(101)
    // After a rest whoever signs in is heard.
    await clock.advance(2000)
    isIn = true
    token = tokens.bo
    await client.refreshToken()
    for (let passed = 0; passed < 20; passed++) await clock.advance(1000)
    expect(joins().at(-1)).toBe(tokens.bo)
  })

  it('is no loop where each call comes after a rest, though `getToken` never answers', async () => {
    connect({ getToken: () => new Promise<never>(() => undefined) })
    const codes = new Set<unknown>()
    for (let n = 0; n < 130; n++) {
      client.refreshToken().catch(({ code }: { code?: unknown }) => codes.add(code))
      await clock.advance(5000)
    }
    for (let passed = 0; passed < 20; passed++) await clock.advance(1000)
    expect([...codes]).toEqual(['DEADLINE_EXCEEDED'])
  })

  it('resolves without tokens, and rejects once the client is closed', async () => {
    const { getToken: _none, ...options } = { driver: fake.driver, clock, getToken: undefined }
    client = createRealtime(options)
    await client.refreshToken()
    connect()
    await client.close()
    await expect(client.refreshToken()).rejects.toMatchObject({ code: 'REALTIME_CLOSED' })
  })
})
