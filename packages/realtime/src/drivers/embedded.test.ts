import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DriverError } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { RealtimeDriver, Subscription, SubscriptionHandlers } from '../driver.ts'
import { SseSocket } from '../fallback/sse-socket.ts'
import { PollSocket } from '../fallback/poll-socket.ts'
import { createRealtimeServer, type RealtimeServer, type RealtimeServerOptions } from '../server/index.ts'
import type { Claims } from '../server/entrance/claims.ts'
import { SignJWT } from 'jose'
import { signTestToken } from '../testing/tokens.ts'
import { identityOf } from '../client/token.ts'
import { createRealtime } from '../create-realtime.ts'
import { embedded, type EmbeddedOptions } from './embedded.ts'
import { memory } from './memory.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let realtime: RealtimeServer
let http: Server
let url: string
/** Addresses of upgrades and requests, as a log has them. */
let log: string[]
let asked: { topic: string; claims: Claims }[]
const drivers: RealtimeDriver[] = []

async function start(options: Partial<RealtimeServerOptions> = {}): Promise<void> {
  log = []
  asked = []
  realtime = createRealtimeServer({
    jwtSecret,
    authorize: ({ topic, claims }) => asked.push({ topic, claims }) > 0,
    ...options,
  })
  http = createServer((request, response) => {
    log.push(request.url ?? '')
    if (!realtime.handleIncoming(request, response)) response.writeHead(404).end()
  })
  http.on('upgrade', (request, socket, head) => {
    log.push(request.url ?? '')
    realtime.handleUpgrade(request, socket, head)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/realtime/v1`
}
beforeEach(() => start())
afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.close()))
  await realtime.close()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})

const create = (options: EmbeddedOptions = {}): RealtimeDriver => {
  const driver = embedded({ url, WebSocket: WebSocket as never, ...options })
  drivers.push(driver)
  return driver
}
const handlers = (change: Partial<SubscriptionHandlers> = {}): SubscriptionHandlers => ({
  onMessage() {},
  onPresence() {},
  onDown() {},
  ...change,
})
const join = (
  driver: RealtimeDriver,
  topic: string,
  token: string | undefined,
  change: Partial<SubscriptionHandlers> & { readonly private?: boolean } = {},
): Promise<Subscription> =>
  driver.subscribe(
    topic,
    { private: change.private ?? false, token, user: identityOf(token), self: false },
    handlers(change),
    AbortSignal.timeout(5000),
  )
const sign = (claims: Record<string, unknown>): Promise<string> =>
  new SignJWT({ role: 'authenticated', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(jwtSecret))

describe('the token', () => {
  it.each([
    ['WebSockets', WebSocket as never],
    ['server-sent events', SseSocket],
    ['polling', PollSocket],
  ])('is in no address, over %s', async (_way, Way) => {
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const driver = create({ WebSocket: Way })
    await (await join(driver, 'room', token)).send('e', {}, AbortSignal.timeout(5000))
    expect(log.length).toBeGreaterThan(0)
    for (const address of log) {
      expect(address).not.toContain(token.slice(0, 20))
      expect(address).not.toContain('apikey')
    }
  })

  it.each([
    ['WebSockets', WebSocket as never],
    ['server-sent events', SseSocket],
    ['polling', PollSocket],
    ['no network', undefined],
  ])('that is refused is named as such, in the server’s words, over %s', async (_way, Way) => {
    await realtime.close()
    http.close()
    await start({ isLive: ({ sub }) => sub !== 'gone' })
    const driver = Way ? create({ WebSocket: Way }) : memory({ server: realtime })
    const tokens: [string | undefined, string][] = [
      [await signTestToken(jwtSecret, { sub: 'a' }, -5), 'Token has expired'],
      [await signTestToken(jwtSecret, { sub: 'gone' }), 'The session has ended'],
      ['forged', 'The token provided is not a valid JWT'],
      [undefined, 'Nobody is signed in, and there is no `apiKey`.'],
    ]
    for (const [token, reason] of tokens) {
      await expect(join(driver, 'room', token)).rejects.toMatchObject({
        code: 'REALTIME_TOKEN_REFUSED',
        message: `[embedded] ${reason}`,
        retryable: false,
      })
    }
    await join(driver, 'room', await signTestToken(jwtSecret, { sub: 'a' }))
    const told: unknown[] = []
    const heard: unknown[] = []
    const client = createRealtime({ driver, random: () => 0, onError: (error) => told.push(error) })
    client.channel('room').onError((error) => heard.push(error))
    await expect.poll(() => heard.length).toBeGreaterThan(1)
    expect(told).toEqual([expect.objectContaining({ code: 'REALTIME_TOKEN_REFUSED' })])
    await client.close()
  })

  it('is refused for now where the limits are reached, and the error says for how long', async () => {
    await realtime.close()
    http.close()
    await start({ limits: { perAccount: { sockets: 0 } } })
    const refusal = join(create(), 'room', await signTestToken(jwtSecret, { sub: 'a' }))
    await expect(refusal).rejects.toMatchObject({
      code: 'REALTIME_RATE_LIMITED',
      retryable: true,
      retryAfterMs: 10_000,
    })
  })
})

it.each(['/realtime/v1', 'realtime/v1', '//app.example', 'https://me:word@app.example/v1', ''])(
  'says what an address looks like in place of %j, where there is no page whose path it could be',
  (wrong) => {
    expect(() => embedded({ url: wrong })).toThrow(
      expect.objectContaining({
        code: 'REALTIME_URL_INVALID',
        message: expect.stringContaining('https://app.example/realtime/v1'),
      }),
    )
  },
)

describe('nobody', () => {
  it('joins public topics with the key of the application, also after a sign-out', async () => {
    const apiKey = await signTestToken(jwtSecret, { role: 'anon' })
    let token: string | undefined = await sign({ sub: 'ana' })
    const errors: unknown[] = []
    const client = createRealtime({
      driver: create({ apiKey }),
      getToken: () => token,
      onError: (error) => void errors.push(error),
    })
    const news = client.channel('news')
    await news.ready
    token = undefined
    await client.refreshToken()
    await news.broadcast('note', {})
    await expect.poll(() => client.status).toBe('connected')
    expect(errors).toEqual([])
    await client.close()
  })
})

describe('a server that takes no more', () => {
  it.each([
    ['server-sent events', SseSocket],
    ['polling', PollSocket],
    ['no network', undefined],
  ])('says so over %s', async (_way, Way) => {
    const open = (): RealtimeDriver => (Way ? create({ WebSocket: Way }) : memory({ server: realtime }))
    await realtime.close()
    http.close()
    await start({ limits: { perAccount: { eventStreams: 0, sockets: 0 }, ...(!Way && { connections: 0 }) } })
    await expect(join(open(), 'room', await sign({ sub: 'a' }))).rejects.toMatchObject({
      code: 'REALTIME_RATE_LIMITED',
      message: expect.stringMatching(/Too many/),
      retryable: true,
    })
    await realtime.close()
    http.close()
    await start({ isLive: () => Promise.reject(new Error('The database is away.')), onError: () => {} })
    await expect(join(open(), 'room', await sign({ sub: 'a' }))).rejects.toMatchObject({
      code: 'REALTIME_REFUSED',
      message: expect.stringContaining('can not be said now'),
      retryable: true,
    })
  })
})

describe('a connection', () => {
  it('is each identity’s own: user, session, role and nobody; two tokens of one share it', async () => {
    const apiKey = await signTestToken(jwtSecret, { role: 'anon' })
    const driver = create({ apiKey })
    const tokens = [
      undefined,
      await sign({ sub: 'a' }),
      await sign({ sub: 'a', session_id: 's1' }),
      await sign({ sub: 'a', session_id: 's2' }),
      await sign({ sub: 'b' }),
      await sign({ sub: 'a', role: 'other' }),
    ]
    for (const [index, token] of tokens.entries()) {
      await join(driver, `topic ${index}`, token)
      expect(realtime.stats().connections).toBe(index + 1)
    }
    await join(driver, 'another topic', await sign({ sub: 'b', iat: 5 }))
    expect(realtime.stats().connections).toBe(tokens.length)
  })

  it('of before never asks for the next user, and ends with its last topic', async () => {
    const driver = create()
    const [alice, bob] = [await sign({ sub: 'alice' }), await sign({ sub: 'bob' })]
    const first = await join(driver, 'one', alice, { private: true })
    await join(driver, 'two', bob, { private: true })
    await first.send('e', {}, AbortSignal.timeout(5000))
    expect(asked.map(({ topic, claims }) => [topic, claims.sub])).toEqual([
      ['one', 'alice'],
      ['two', 'bob'],
      ['one', 'alice'],
    ])
    await first.leave()
    await expect.poll(() => realtime.stats().connections).toBe(1)
    // As somebody who comes back.
    await join(driver, 'one', alice, { private: true })
    expect(realtime.stats().connections).toBe(2)
  })

  it('leaves a topic that is given up while it is joined, at the server too', async () => {
    const driver = create()
    const token = await sign({ sub: 'a' })
    const stay = await driver.subscribe(
      'stay',
      { private: false, token, self: true },
      handlers({}),
      AbortSignal.timeout(5000),
    )
    for (let n = 0; n < 20; n++) {
      const giving = new AbortController()
      const joining = driver.subscribe(`room ${n}`, { private: false, token, self: true }, handlers({}), giving.signal)
      // Its frame has gone out, or is about to.
      setTimeout(() => giving.abort(), n % 4)
      await joining.then(
        (subscription) => subscription.leave(),
        () => undefined,
      )
    }
    await stay.send('e', {}, AbortSignal.timeout(5000))
    await expect.poll(() => realtime.stats()).toMatchObject({ connections: 1, rooms: 1 })
  })

  it('has one membership of a topic, that of the last join, also where joins overtake each other', async () => {
    const driver = create()
    const token = await sign({ sub: 'a' })
    const heard: string[] = []
    const subscribe = (name: string, presenceKey?: string): Promise<Subscription> =>
      driver.subscribe(
        'room',
        { private: false, token, self: true, ...(presenceKey && { presenceKey }) },
        handlers({ onMessage: () => heard.push(name) }),
        AbortSignal.timeout(5000),
      )
    // The first has to load the code for presence before it can be sent.
    const [first, second] = await Promise.allSettled([subscribe('first', 'a'), subscribe('second')])
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled'])
    if (second.status === 'fulfilled') await second.value.send('e', {}, AbortSignal.timeout(5000))
    await expect.poll(() => heard).toEqual(['second'])
    expect(realtime.stats()).toMatchObject({ connections: 1, rooms: 1 })
  })

  it('on which nothing could be joined is not kept', async () => {
    const clock = createManualClock(Date.now())
    await realtime.close()
    http.close()
    await start({ authorize: () => false })
    const driver = create({ clock })
    const token = await sign({ sub: 'a' })
    await expect(join(driver, 'secret', token, { private: true })).rejects.toMatchObject({ code: 'REALTIME_REFUSED' })
    expect(realtime.stats().connections).toBe(1)
    await clock.advance(20_000)
    await expect.poll(() => realtime.stats().connections).toBe(0)
  })

  it('tells what a message may have, where the server said so', async () => {
    class Line extends EventTarget {
      readyState = 1
      constructor() {
        super()
        queueMicrotask(() => this.dispatchEvent(new Event('open')))
      }
      send(text: string): void {
        const [joinRef, ref, topic] = JSON.parse(text) as [string, string, string]
        const response = { msc: { limits: { frame_bytes: 1000, presence_bytes: 100 } } }
        const reply = JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'ok', response }])
        queueMicrotask(() => this.dispatchEvent(new MessageEvent('message', { data: reply })))
      }
      close(): void {}
    }
    const { limits } = await join(create({ WebSocket: Line as never }), 'room', 't')
    expect(limits).toEqual({ messageBytes: 1000, presenceBytes: 100 })
    const silent = await join(create(), 'room', await sign({ sub: 'a' }))
    if (!('limits' in silent)) expect(silent.limits).toBeUndefined()
  })
})

describe('an error reply', () => {
  const replied = async (said: object): Promise<unknown> => {
    class Line extends EventTarget {
      readyState = 1
      constructor() {
        super()
        queueMicrotask(() => this.dispatchEvent(new Event('open')))
      }
      send(text: string): void {
        const [joinRef, ref, topic, event] = JSON.parse(text) as [string, string, string, string]
        const status = event === 'phx_join' ? 'error' : 'ok'
        const reply = JSON.stringify([joinRef, ref, topic, 'phx_reply', { status, ...said }])
        queueMicrotask(() => this.dispatchEvent(new MessageEvent('message', { data: reply })))
      }
      close(): void {}
    }
    return join(create({ WebSocket: Line as never }), 'room', 't').catch((error: unknown) => error)
  }

  it.each<[string, object, object]>([
    ['PAYLOAD_TOO_LARGE', {}, { code: 'REALTIME_PAYLOAD_TOO_LARGE', retryable: false, refuses: 'content' }],
    ['PAYLOAD_TOO_DEEP', {}, { code: 'REALTIME_PAYLOAD_INVALID', retryable: false }],
    ['PAYLOAD_INVALID', {}, { code: 'REALTIME_PAYLOAD_INVALID', retryable: false }],
    ['RATE_LIMITED', { retry_after_ms: 1500 }, { code: 'REALTIME_RATE_LIMITED', retryable: true, retryAfterMs: 1500 }],
    ['ROOM_BUSY', {}, { code: 'REALTIME_RATE_LIMITED', retryable: true }],
    ['ROOM_BUSY', { retryable: false }, { code: 'REALTIME_RATE_LIMITED', retryable: false }],
    ['FORBIDDEN', {}, { code: 'REALTIME_REFUSED', retryable: false }],
    ['UNAVAILABLE', { retryable: true }, { code: 'REALTIME_REFUSED', retryable: true }],
  ])('%s %j is %j', async (code, more, expected) => {
    const error = await replied({ response: { reason: 'In words' }, msc: { code, ...more } })
    expect(error).toBeInstanceOf(DriverError)
    expect(error).toMatchObject({ message: '[embedded] In words', ...expected })
  })

  it.each([
    { response: null },
    {},
    { response: { reason: 7 }, msc: 'x' },
    { msc: { code: ['__proto__'], retryable: 'no', retry_after_ms: -1 } },
  ])('of a server that lies (%j) is a refusal all the same', async (said) => {
    expect(await replied(said)).toMatchObject({
      code: 'REALTIME_REFUSED',
      message: '[embedded] The server refused.',
      retryable: false,
    })
  })
})

it.each([
  ['WebSocket', WebSocket as never],
  ['SSE', SseSocket],
  ['polling', PollSocket],
])('over %s does not wait before it comes back where the server has no reason for it', async (_way, Socket) => {
  const clock = createManualClock(Date.now())
  const client = createRealtime({
    driver: create({ WebSocket: Socket }),
    getToken: () => signTestToken(jwtSecret, { sub: 'ana' }),
    clock,
    random: () => 0.9,
  })
  const room = client.channel('room')
  const heard: boolean[] = []
  room.onReady((isReady) => heard.push(isReady))
  await room.ready
  await clock.advance(1001)
  const away = realtime
  realtime = createRealtimeServer({ jwtSecret, authorize: () => true })
  void away.drain({ overMs: 0 })
  // No time passes for the client.
  await expect.poll(() => heard, { timeout: 5000 }).toEqual([true, false, true])
  await client.close()
  await away.close()
})
