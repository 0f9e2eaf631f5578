import { DriverError, currentContext, guardSignals, setErrorReporter, sleep, type ErrorReporter } from '@msc/core'
import { createManualClock, type ManualClock } from '@msc/core/testing'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createRealtime, type Realtime, type RealtimeOptions } from '../create-realtime.ts'
import { createFakeRealtime, type FakeRealtime } from '../testing/fake-driver.ts'
import { signTestToken } from '../testing/tokens.ts'

let fake: FakeRealtime
let clock: ManualClock
let client: Realtime

function connect(options: Partial<RealtimeOptions> = {}): Realtime {
  client = createRealtime({ driver: fake.driver, clock, random: () => 0.5, ...options })
  return client
}
const asked = (what: string): unknown[] => fake.received.filter((request) => request.what === what)
const settle = (): Promise<void> => clock.advance(0)

// What is loaded late is there, or the clock of a test would run ahead of it.
beforeAll(() => Promise.all([import('./user.ts'), import('./sending.ts'), import('../feed/feed-code.ts')]))
beforeEach(() => {
  fake = createFakeRealtime()
  clock = createManualClock(Date.now())
})
afterEach(async () => {
  vi.unstubAllGlobals()
  await client.close()
})

describe('handlers', () => {
  it('that take themselves off and on again hear a message once, and nothing once they are off', async () => {
    const room = connect().channel('room')
    await room.ready
    const calls: string[] = []
    /** No test may run for ever. */
    const count = (what: string): boolean => calls.push(what) < 100
    const rearm = (): void => {
      off()
      if (count('message')) off = room.on('note', rearm)
    }
    let off = room.on('note', rearm)
    const again = (): void => {
      const other = client.channel('room')
      other.on('note', () => {
        other.leave()
        if (count('rejoined')) again()
      })
    }
    again()
    const last = room.on('note', () => calls.push('last'))
    room.on('note', last)
    room.on('note', () => calls.push('end'))
    fake.push('room', 'note', {})
    expect(calls).toEqual(['message', 'last', 'end', 'rejoined'])
    fake.push('room', 'note', {})
    expect(calls.slice(4)).toEqual(['end', 'message', 'rejoined'])
    calls.length = 0
    const listen = (): void => {
      stop()
      if (count('status')) stop = client.onStatus(listen)
    }
    let stop = client.onStatus(listen)
    fake.drop()
    await clock.advance(5000)
    expect(calls).toEqual(['status', 'status'])
  })

  it('of `onReady` hear when it becomes live and when that is over, and nothing of tries in between', async () => {
    const room = connect({ onError: () => undefined }).channel('room')
    const heard: boolean[] = []
    room.onReady((isReady) => heard.push(isReady))
    await settle()
    fake.override.subscribe = () => Promise.reject(new Error('no'))
    fake.drop()
    for (let passed = 0; passed < 60; passed++) await clock.advance(1000)
    expect(asked('subscribe').length).toBeGreaterThan(4)
    expect(heard).toEqual([true, false])
    delete fake.override.subscribe
    await clock.advance(20_000)
    await client.close()
    expect(heard).toEqual([true, false, true, false])
  })
})

describe('coming back', () => {
  it('takes its share of the time that the server wants it to be spread over', async () => {
    connect().channel('room')
    await settle()
    fake.drop('room', 6000)
    await clock.advance(2999)
    expect(asked('subscribe')).toHaveLength(1)
    await clock.advance(1)
    expect(asked('subscribe')).toHaveLength(2)
  })

  it('waits longer each time it is refused, up to a bound, and forgets that once it is back', async () => {
    fake.override.subscribe = () => Promise.reject(new Error('no'))
    connect({ random: () => 1 }).channel('room')
    const times: number[] = []
    for (let count = 1, waited = 0; count < 9; waited += 100) {
      await clock.advance(100)
      if (asked('subscribe').length <= count) continue
      times.push(waited)
      count = asked('subscribe').length
      waited = 0
    }
    expect(times.slice(0, 4)).toEqual(times.slice(0, 4).toSorted((a, b) => a - b))
    expect(Math.max(...times)).toBeLessThanOrEqual(15_500)
    delete fake.override.subscribe
    await clock.advance(17_100)
    expect(client.status).toBe('connected')
    const before = asked('subscribe').length
    fake.drop()
    await clock.advance(800)
    expect(asked('subscribe')).toHaveLength(before + 1)
  })

  it('does not wait when the page says that the network is back, or that it is looked at again', async () => {
    for (const event of ['online', 'visibilitychange']) {
      const listeners = new Map<string, Set<() => void>>()
      vi.stubGlobal('addEventListener', (name: string, listener: () => void, { signal }: { signal: AbortSignal }) => {
        listeners.set(name, (listeners.get(name) ?? new Set()).add(listener))
        signal.addEventListener('abort', () => listeners.get(name)?.delete(listener))
      })
      fake = createFakeRealtime()
      connect().channel('room')
      await settle()
      fake.drop('room', 60_000)
      await settle()
      expect([event, asked('subscribe').length]).toEqual([event, 1])
      for (const listener of listeners.get(event) ?? []) listener()
      await settle()
      await settle()
      expect([event, asked('subscribe').length]).toEqual([event, 2])
      await client.close()
      expect([...listeners.values()].every((set) => set.size === 0)).toBe(true)
    }
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('gone')
      },
    ],
    ['returns no promise', () => undefined],
    ['never answers', async () => new Promise<never>(() => {})],
  ])('survives a subscription whose `leave` %s', async (_how, leave) => {
    const { subscribe } = fake.driver
    const driver = {
      ...fake.driver,
      subscribe: async (...args: Parameters<typeof subscribe>) =>
        ({ ...(await subscribe(...args)), leave }) as unknown as Awaited<ReturnType<typeof subscribe>>,
    }
    connect({ driver, timeoutMs: 100 }).channel('room')
    await settle()
    fake.drop()
    await clock.advance(1000)
    expect(asked('subscribe')).toHaveLength(2)
    const closed = client.close()
    await clock.advance(200)
    await closed
  })

  it('asks for a token before every join, and never joins with an old one', async () => {
    const tokens = ['first', 'second', 'third']
    connect({ getToken: () => tokens.shift() }).channel('room', { private: true })
    await settle()
    fake.drop()
    await clock.advance(1000)
    fake.drop()
    await clock.advance(1000)
    expect(asked('subscribe').map((request) => (request as { detail: { token: string } }).detail.token)).toEqual([
      'first',
      'second',
      'third',
    ])
  })

  it('renews a token before it ends, and asks again where that fails', async () => {
    const fresh = (seconds: number): Promise<string> =>
      signTestToken('a-secret-for-tests-that-is-long-enough-0123', { sub: 'a' }, seconds)
    const [first, second] = [await fresh(60), await fresh(3600)]
    const getToken = vi.fn<() => Promise<string>>()
    getToken.mockResolvedValueOnce(first).mockResolvedValueOnce(second)
    connect({ getToken }).channel('room', { private: true })
    await settle()
    await clock.advance(20_000)
    expect(asked('token')).toEqual([])
    await clock.advance(11_000)
    expect(asked('token')).toEqual([{ what: 'token', topic: 'room', detail: second }])
  })
})

describe('statuses', () => {
  it('are told once each, later, and never from within a call', async () => {
    connect()
    const seen: string[] = []
    let inside = false
    client.onStatus((status) => {
      expect(inside).toBe(false)
      seen.push(status)
      if (status === 'connected') {
        inside = true
        // What a listener does must not call it again before it has returned.
        client.channel('other').leave()
        inside = false
      }
    })
    inside = true
    const channel = client.channel('room')
    inside = false
    await settle()
    await settle()
    fake.drop()
    await clock.advance(2000)
    channel.leave()
    await settle()
    expect(seen[0]).toBe('connected')
    expect(seen).toContain('reconnecting')
    expect(seen.at(-1)).toBe('idle')
  })

  it('say offline when the browser does', async () => {
    connect().channel('room')
    await settle()
    vi.stubGlobal('navigator', { onLine: false })
    fake.drop()
    await settle()
    await settle()
    expect(client.status).toBe('offline')
    vi.unstubAllGlobals()
    await clock.advance(2000)
    expect(client.status).toBe('connected')
  })
})

describe('sending', () => {
  it('waits for the connection, in order, and no more than a hundred do', async () => {
    let open = (): void => {}
    fake.override.subscribe = () => new Promise((resolve) => (open = resolve))
    const channel = connect().channel('room')
    await settle()
    const sends = Array.from({ length: 101 }, (_, n) => channel.broadcast('n', { n }))
    await expect(sends[100]).rejects.toMatchObject({ code: 'REALTIME_QUEUE_FULL', retryable: true })
    open()
    await Promise.all(sends.slice(0, 100))
    expect(
      asked('send').map((request) => (request as { detail: { payload: { n: number } } }).detail.payload.n),
    ).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })

  it('gives up within its time, and says so', async () => {
    fake.override.subscribe = () => new Promise(() => {})
    const channel = connect({ timeoutMs: 1000 }).channel('room')
    const sent = channel.broadcast('n', {})
    const refused = expect(sent).rejects.toMatchObject({ name: 'DeadlineError' })
    await clock.advance(1000)
    await refused
  })
})

describe('a feed', () => {
  const page = (cursor: string, ids: readonly number[], more = false, gap = false) => ({
    events: ids.map((n) => ({ event: 'INSERT', payload: { record: { n }, _msc: { id: `f${n}` } } })),
    cursor,
    more,
    gap,
  })
  const epoch = '0af76519-16cd-43dd-8448-eb211c80319c'
  const live = (n: number, at: number) => ({
    record: { n },
    _msc: { id: `f${n}`, cursor: `${epoch}:${at}:${at}:+${at}.${n}` },
  })
  const topic = 'feed:items:a'
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

  it('keeps what comes meanwhile behind what came before, and tells nothing twice', async () => {
    const heard: number[] = []
    let answer = (_page: ReturnType<typeof page>): void => {}
    fake.override.since = () => new Promise((resolve) => (answer = resolve))
    connect().feed<{ n: number }>('items', 'a', ({ data }) => heard.push(data.n))
    await settle()
    answer(page(`${epoch}:10:10:`, []))
    await settle()
    fake.push(topic, 'INSERT', live(1, 11))
    fake.drop()
    await clock.advance(2000)
    fake.push(topic, 'INSERT', live(4, 14))
    fake.push(topic, 'INSERT', live(3, 13))
    expect(heard).toEqual([1])
    answer(page(`${epoch}:14:14:`, [2, 3]))
    await settle()
    expect(heard).toEqual([1, 2, 3, 4])
    expect(asked('since')).toEqual([
      { what: 'since', topic },
      { what: 'since', topic, detail: `${epoch}:11:11:+11.1` },
    ])
  })

  it('is not live before it has caught up, and tries again where it can not', async () => {
    let refusals = 2
    fake.override.since = () => {
      if (refusals-- > 0) throw new Error('not now')
      return page(`${epoch}:1:1:`, [])
    }
    connect().feed('items', 'a', () => {})
    await settle()
    expect(client.status).not.toBe('connected')
    await clock.advance(5000)
    expect(client.status).toBe('connected')
    expect(asked('subscribe')).toHaveLength(3)
  })

  it('tells of a gap once it is live, though the connection broke when it heard of it', async () => {
    let gaps = 0
    fake.override.since = () => page(`${epoch}:10:10:`, [])
    connect().feed(
      'items',
      'a',
      () => {},
      () => (gaps += 1),
    )
    await settle()
    fake.override.since = () => {
      fake.override.since = () => page(`${epoch}:20:20:`, [])
      fake.drop()
      return { ...page(`${epoch}:20:20:`, []), gap: true }
    }
    fake.drop()
    await clock.advance(20_000)
    expect(client.status).toBe('connected')
    expect(gaps).toBe(1)
    fake.drop()
    await clock.advance(20_000)
    expect(gaps).toBe(1)
  })

  it('fetches a message that was too large to be sent', async () => {
    const heard: number[] = []
    const pages = [page(`${epoch}:1:1:`, []), page(`${epoch}:2:2:`, [1])]
    fake.override.since = () => pages.shift()
    connect().feed<{ n: number }>('items', 'a', ({ data }) => heard.push(data.n))
    await settle()
    fake.push(topic, 'INSERT', { _msc: { more: true } })
    await clock.advance(2000)
    expect(heard).toEqual([1])
  })

  it('that was ended before its code came asks for nothing, and tells nothing', async () => {
    const snapshot = vi.fn(async () => [])
    connect().feed('items', 'a', { snapshot, onChange: () => {} })()
    await settle()
    await clock.advance(20_000)
    expect(client.status).toBe('idle')
    expect(asked('subscribe')).toEqual([])
    expect(snapshot).not.toHaveBeenCalled()
  })

  it('ends no process by what a listener of a signal throws that it handed out', async () => {
    guardSignals()
    const told: string[] = []
    const restore = setErrorReporter((error, { operation }) => void told.push(`${operation}: ${error.message}`))
    const listens = (name: string) => (signal: AbortSignal) => {
      signal.addEventListener('abort', () => {
        throw new Error(name)
      })
      return new Promise<never>(() => {})
    }
    connect()
    const leave = client.feed('items', 'a', { snapshot: listens('of the snapshot'), onChange: () => {} })
    await settle()
    leave()
    await client.close()
    connect({ getToken: listens('of getToken'), timeoutMs: 100 }).channel('room', { private: true })
    await clock.advance(100)
    restore()
    expect(told).toEqual(expect.arrayContaining(['snapshot of feed:items:a: of the snapshot', 'getToken: of getToken']))
  })

  it('hears what comes with the very join, and behind a snapshot what comes meanwhile, in the trace of who sent it', async () => {
    const heard: unknown[] = []
    const note = (n: number): void => void heard.push([n, currentContext()?.trace.traceId])
    const sent = (n: number) => ({
      record: { n },
      _msc: { id: `f${n}`, cursor: `${epoch}:${n}`, traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
    })
    let load = (_rows: { n: number }[]): void => {}
    fake.override.since = () => {
      fake.push(topic, 'INSERT', sent(2))
      return page(`${epoch}:1:1:`, [])
    }
    connect().feed<{ n: number }>('items', 'a', ({ data }) => note(data.n))
    client.feed<{ n: number }>('items', 'a', {
      snapshot: () => new Promise((resolve) => (load = resolve)),
      onSnapshot: (rows) => heard.push(rows),
      onChange: ({ data }) => note(data.n + 100),
    })
    await settle()
    fake.push(topic, 'INSERT', sent(3))
    load([{ n: 1 }])
    await settle()
    expect(heard).toEqual([[2, traceId], [3, traceId], [{ n: 1 }], [103, traceId]])
  })

  it('says that something is missing where nobody keeps a history', async () => {
    const gaps: string[] = []
    connect().feed(
      'items',
      'a',
      () => {},
      () => gaps.push('gap'),
    )
    await settle()
    expect(gaps).toEqual([])
    fake.drop()
    await clock.advance(2000)
    expect(gaps).toEqual(['gap'])
  })
})

describe('tokens', () => {
  const secret = 'a-secret-for-tests-that-is-long-enough-0123'
  const lasting = (seconds: number): Promise<string> => signTestToken(secret, { sub: 'a' }, seconds)

  it('are asked for once, however many topics want one', async () => {
    const getToken = vi.fn(() => sleep(500, { clock }).then(() => 'token'))
    connect({ getToken })
    for (const topic of ['a', 'b', 'c']) client.channel(topic, { private: true })
    await clock.advance(500)
    expect(client.status).toBe('connected')
    expect(getToken).toHaveBeenCalledOnce()
    fake.drop()
    await clock.advance(450)
    await clock.advance(500)
    expect(client.status).toBe('connected')
    expect(getToken).toHaveBeenCalledTimes(2)
  })

  it('that live for years are no timer that fires at once', async () => {
    const token = await lasting(10 * 365 * 86_400)
    const getToken = vi.fn(() => token)
    const delays: number[] = []
    connect({
      getToken,
      clock: { ...clock, setTimeout: (run, ms) => (delays.push(ms), clock.setTimeout(run, ms)) },
    }).channel('room', { private: true })
    await settle()
    expect(client.status).toBe('connected')
    expect(getToken).toHaveBeenCalledOnce()
    // More than that is at once, in browsers as in Node.
    expect(Math.max(...delays)).toBeLessThan(2 ** 31)
    await clock.advance(60_000)
    expect(getToken).toHaveBeenCalledOnce()
  })

  it('are renewed no more once the topic is left, also where it is left before the code for that has come', async () => {
    const token = await lasting(60)
    const getToken = vi.fn(() => token)
    const channel = connect({ getToken }).channel('room', { private: true })
    await channel.ready
    channel.leave()
    for (let passed = 0; passed < 60; passed++) await clock.advance(1000)
    expect(getToken).toHaveBeenCalledOnce()
    expect(clock.pending).toBe(0)
  })

  it('that seem to end at once, as where a clock is wrong, are asked for less and less often', async () => {
    const token = await lasting(-3600)
    const getToken = vi.fn(() => token)
    connect({ getToken }).channel('room', { private: true })
    await settle()
    for (let second = 0; second < 600; second++) await clock.advance(1000)
    expect(client.status).toBe('connected')
    // 1, 2, 4, … 32 seconds, and then each minute.
    expect(getToken.mock.calls.length).toBeGreaterThan(10)
    expect(getToken.mock.calls.length).toBeLessThan(20)
  })

  it('are asked for again where that fails, while the old one lasts', async () => {
    const [first, second] = [await lasting(60), await lasting(3600)]
    const getToken = vi.fn<() => Promise<string>>().mockResolvedValueOnce(first)
    getToken.mockRejectedValueOnce(new Error('away')).mockRejectedValueOnce(new Error('away'))
    getToken.mockResolvedValueOnce(second)
    connect({ getToken }).channel('room', { private: true })
    await settle()
    for (let passed = 0; passed < 35; passed++) await clock.advance(1000)
    expect(asked('token')).toEqual([{ what: 'token', topic: 'room', detail: second }])
    expect(asked('subscribe')).toHaveLength(1)
  })
})

describe('what can not be joined', () => {
  it('says why: to whoever listens, once where failures are reported, and in its health', async () => {
    const reported: unknown[] = []
    fake.override.subscribe = () =>
      Promise.reject(new DriverError('fake', 'You do not have permissions.', { code: 'REALTIME_REFUSED' }))
    const errors: string[] = []
    const onError: ErrorReporter = (error, { operation, topic }) => reported.push([operation, topic, error.message])
    const channel = connect({ onError }).channel('room', { private: true })
    channel.onError(({ message }) => errors.push(message))
    for (let passed = 0; passed < 20; passed++) await clock.advance(1000)
    expect(errors.length).toBeGreaterThan(3)
    expect(new Set(errors)).toEqual(new Set(['[fake] You do not have permissions.']))
    expect(reported).toEqual([['join', 'room', '[fake] You do not have permissions.']])
    expect(await client.health()).toMatchObject({ status: 'degraded', detail: '[fake] You do not have permissions.' })
    delete fake.override.subscribe
    for (let passed = 0; passed < 16; passed++) await clock.advance(1000)
    expect(client.status).toBe('connected')
    expect(await client.health()).toEqual(expect.not.objectContaining({ detail: expect.anything() }))
  })

  it('joins again when the server wants it, and no sooner', async () => {
    const busy = new DriverError('fake', 'Too many joins.', { retryable: true, retryAfterMs: 30_000 })
    fake.override.subscribe = () => Promise.reject(busy)
    const errors: Error[] = []
    connect()
      .channel('room')
      .onError((error) => errors.push(error))
    await settle()
    expect(errors).toHaveLength(1)
    await clock.advance(30_000)
    expect(errors).toHaveLength(1)
    await clock.advance(500)
    expect(errors).toHaveLength(2)
    delete fake.override.subscribe
    await clock.advance(31_000)
    expect(client.status).toBe('connected')
  })

  it('reports nothing of a network that is away, and once a token that can not be had', async () => {
    const reported: string[] = []
    const onError: ErrorReporter = (error) => reported.push(error.message)
    fake.override.subscribe = () => Promise.reject(new DriverError('fake', 'No connection.', { retryable: true }))
    connect({ onError }).channel('room')
    await clock.advance(5000)
    expect(reported).toEqual([])
    await client.close()
    connect({ onError, getToken: () => Promise.reject(new Error('401')) }).channel('room')
    await clock.advance(5000)
    expect(reported).toEqual(['401'])
  })
})

describe('subscribers of one topic', () => {
  it('say the same of it, or hear so', async () => {
    connect().channel('room', { presenceKey: 'a' })
    client.channel('room', { presenceKey: 'a' })
    client.channel('room')
    expect(() => client.channel('room', { private: true })).toThrow(
      expect.objectContaining({ code: 'REALTIME_TOPIC_CONFLICT' }),
    )
    expect(() => client.channel('room', { presenceKey: 'b' })).toThrow(
      expect.objectContaining({ code: 'REALTIME_TOPIC_CONFLICT' }),
    )
    await settle()
    expect(asked('subscribe')).toHaveLength(1)
  })

  it('turn presence on when the second of them wants it, at once', async () => {
    const key = (request: unknown): unknown => (request as { detail: { presenceKey?: string } }).detail.presenceKey
    const first = connect().channel('room')
    await settle()
    const second = client.channel('room', { presenceKey: 'a' })
    const tracked = second.track({ page: 'home' })
    await settle()
    await settle()
    await tracked
    expect(asked('subscribe').map(key)).toEqual([undefined, 'a'])
    expect(asked('track')).toEqual([{ what: 'track', topic: 'room', detail: { page: 'home' } }])
    // Another user, after the first has gone.
    second.leave()
    client.channel('room', { presenceKey: 'b' })
    await settle()
    await settle()
    expect(asked('subscribe').map(key)).toEqual([undefined, 'a', 'b'])
    expect(client.status).toBe('connected')
    first.leave()
  })

  it('are one in presence: the last to say something counts, until it leaves', async () => {
    const [one, two, three] = [
      connect().channel('room', { presenceKey: 'a' }),
      client.channel('room'),
      client.channel('room'),
    ]
    await one.track({ n: 1 })
    await two.track({ n: 2 })
    two.leave()
    await settle()
    one.leave()
    await settle()
    const said = fake.received.filter(({ what }) => what === 'track' || what === 'untrack')
    expect(said.map(({ what, detail }) => [what, detail])).toEqual([
      ['track', { n: 1 }],
      ['track', { n: 2 }],
      ['track', { n: 1 }],
      ['untrack', undefined],
    ])
    three.leave()
  })

  it('are shown as they are now, though it changed while it was said, and after each interruption', async () => {
    let answer = (): void => {}
    fake.override.track = () => new Promise((resolve) => (answer = resolve))
    const channel = connect().channel('room', { presenceKey: 'a' })
    const first = channel.track({ n: 1 })
    await settle()
    const second = channel.track({ n: 2 })
    answer()
    await settle()
    answer()
    await Promise.all([first, second])
    delete fake.override.track
    fake.drop()
    await clock.advance(1000)
    expect(asked('track').map((request) => (request as { detail: unknown }).detail)).toEqual([
      { n: 1 },
      { n: 2 },
      { n: 2 },
    ])
  })

  it('hear, though they may not be seen', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    fake.override.track = () => Promise.reject(new DriverError('fake', 'You may not.', { code: 'REALTIME_REFUSED' }))
    const channel = connect().channel('room', { presenceKey: 'a' })
    const heard: unknown[] = []
    channel.on('note', (payload) => heard.push(payload))
    await expect(channel.track({ n: 1 })).rejects.toThrow('You may not.')
    await settle()
    expect(client.status).toBe('connected')
    fake.push('room', 'note', { n: 1 })
    expect(heard).toEqual([{ n: 1 }])
    warn.mockRestore()
  })

  it('hear who is there already, but never from within a call', async () => {
    const channel = connect().channel('room', { presenceKey: 'a' })
    await settle()
    fake.presence('room', { a: [{ n: 1 }] })
    const states: unknown[] = []
    const stop = channel.onPresence((state) => {
      states.push(state)
      stop()
    })
    expect(states).toEqual([])
    await settle()
    expect(states).toEqual([{ a: [{ n: 1 }] }])
    fake.presence('room', {})
    expect(states).toHaveLength(1)
  })
})
