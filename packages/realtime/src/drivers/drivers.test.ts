import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { freePort } from '@msc/core/testing'
import { WebSocket } from 'ws'
import { testRealtimeDriver } from '../testing/conformance/index.ts'
import { hubs } from '../client/hub.ts'
import { PollSocket } from '../fallback/poll-socket.ts'
import { SseSocket } from '../fallback/sse-socket.ts'
import { embedded } from './embedded.ts'
import { memory } from './memory.ts'
import { supabase } from './supabase.ts'
import { beforeEach, expect, it, vi } from 'vitest'
import { createRealtime } from '../create-realtime.ts'
import { createRealtimeFromEnv } from '../default-realtime.ts'
import { startRealtimeServer } from '../server/index.ts'
import { signTestToken } from '../testing/tokens.ts'

testRealtimeDriver('embedded', ({ url, apiKey }) =>
  embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: WebSocket as never }),
)
testRealtimeDriver('embedded, over server-sent events', ({ url, apiKey }) =>
  embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: SseSocket }),
)
testRealtimeDriver('embedded, over polling', ({ url, apiKey }) =>
  embedded({ url: `${url}/realtime/v1`, apiKey, WebSocket: PollSocket }),
)
testRealtimeDriver('memory', ({ server, apiKey }) => memory({ server, apiKey }))
for (const version of ['1.0.0', '2.0.0'] as const) {
  testRealtimeDriver(`supabase, the real SDK, protocol ${version}`, ({ url, apiKey, serviceRoleKey }) =>
    apiKey === serviceRoleKey
      ? supabase({ url, anonKey: apiKey, serviceRoleKey, version })
      : supabase({ url, anonKey: apiKey, version }),
  )
}

beforeEach(() => hubs().clear())

it('publishes beside the one server of its process, and beside several to none of them, which it says', async () => {
  const driver = embedded()
  const heard: string[] = []
  const hub = (name: string) => ({ publish: () => void heard.push(name) })
  const message = { topic: 't', event: 'e', payload: {}, private: false }
  const [one, two] = [hub('one'), hub('two')]
  hubs().add(one)
  await driver.publish?.([message], AbortSignal.timeout(1000))
  hubs().add(two)
  await expect(driver.publish?.([message], AbortSignal.timeout(1000))).rejects.toMatchObject({
    code: 'REALTIME_SEVERAL_SERVERS',
    retryable: false,
  })
  hubs().delete(one)
  await driver.publish?.([message], AbortSignal.timeout(1000))
  expect(heard).toEqual(['one', 'two'])
})

it('chooses Supabase by its variables, else the embedded server', async () => {
  const env = { NEXT_PUBLIC_SUPABASE_URL: 'https://p.supabase.co', NEXT_PUBLIC_SUPABASE_ANON_KEY: 'k' }
  expect(createRealtimeFromEnv({}, env).driverName).toBe('supabase')
  expect(createRealtimeFromEnv({}, { MSC_QUIET: '1' }).driverName).toBe('embedded')
  expect(() => createRealtimeFromEnv({}, { NEXT_PUBLIC_SUPABASE_URL: 'https://p.supabase.co' })).toThrow(/ANON_KEY/)
  expect(() => createRealtimeFromEnv({}, { NODE_ENV: 'production' })).toThrow(/realtime/)
})

it('says what to do when there is no server to publish to', async () => {
  const realtime = createRealtimeFromEnv({}, { MSC_QUIET: '1' })
  await expect(realtime.publish('room', 'note', {})).rejects.toMatchObject({
    hint: expect.stringContaining('createRealtimeServer'),
  })
  expect((await realtime.health()).status).toBe('down')
})

it('names the host of a project that is away, and the variable', async () => {
  const host = `127.0.0.1:${await freePort()}`
  const driver = supabase({ url: `http://${host}`, anonKey: 'a-key' })
  await expect(driver.health(new AbortController().signal)).rejects.toMatchObject({
    code: 'DRIVER_UNREACHABLE',
    message: `[supabase] ${host} can not be reached.`,
    hint: expect.stringContaining('NEXT_PUBLIC_SUPABASE_URL'),
  })
  await driver.close()
})

it.each([
  [413, 'DRIVER_TOO_LARGE', false],
  [403, 'DRIVER_UNAUTHORIZED', false],
  [422, 'DRIVER_REFUSED', false],
  [429, 'DRIVER_RATE_LIMITED', true],
  [503, 'DRIVER_FAILED', true],
])(
  'supabase says by the status %i of a publication whether it is worth another try',
  async (status, code, retryable) => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      request.resume().once('end', () => response.writeHead(status).end('{}'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const realtime = createRealtime({ driver: supabase({ url, anonKey: 'anon', serviceRoleKey: 'service' }) })
    await expect(realtime.publish('room', 'note', { n: 1 })).rejects.toMatchObject({ code, retryable })
    expect(asked).toEqual(['POST /realtime/v1/api/broadcast'])
    await realtime.close()
    server.close()
  },
)

it.each(['All good.', '{"error":"tenant unknown"}', '<p>Sign in</p>'])(
  'supabase takes an answer of 200 that says %s for somebody else’s, in a publication and in its health',
  async (body) => {
    const server = createServer((request, response) => {
      request.resume().once('end', () => response.writeHead(200).end(body))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const realtime = createRealtime({ driver: supabase({ url, anonKey: 'anon', serviceRoleKey: 'service' }) })
    const refusal = { code: 'DRIVER_NOT_THE_BACKEND', hint: expect.stringContaining('NEXT_PUBLIC_SUPABASE_URL') }
    await expect(realtime.publish('room', 'note', { n: 1 })).rejects.toMatchObject(refusal)
    expect(await realtime.health()).toMatchObject({ ...refusal, status: 'down' })
    await realtime.close()
    server.close()
  },
)

const elsewhere: readonly (readonly [status: number, body: string])[] = [
  [200, ''],
  [200, '{"ok":true}'],
  [200, '[]'],
  [201, '{"id":1}'],
  [204, ''],
]
it.each(elsewhere)('supabase takes %i %s of another API for no answer of Realtime', async (status, body) => {
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(status).end(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const realtime = createRealtime({ driver: supabase({ url, anonKey: 'anon' }) })
  const refusal = { code: 'DRIVER_NOT_THE_BACKEND', hint: expect.stringContaining('NEXT_PUBLIC_SUPABASE_URL') }
  await expect(realtime.publish('room', 'note', { n: 1 })).rejects.toMatchObject(refusal)
  expect(await realtime.health()).toMatchObject({ ...refusal, status: 'down' })
  await realtime.close()
  server.close()
})

it.each([
  [202, '', 'ready'],
  [202, '{"message":"ok"}', 'ready'],
  [202, '<html>', 'down'],
  [422, `{"errors":{"messages":["can't be blank"]}}`, 'ready'],
  [400, '{"error":"bad"}', 'down'],
  [422, '{"error":"x"}', 'down'],
  [422, 'x', 'down'],
])('supabase reads %i %s to a batch of nothing as Realtime says it: %s', async (status, body, expected) => {
  const server = createServer((request, response) => {
    // As a proxy written in Express or Django types whatever it passes on.
    response.setHeader('content-type', 'text/html')
    request.resume().once('end', () => response.writeHead(status).end(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const realtime = createRealtime({ driver: supabase({ url, anonKey: 'anon' }) })
  expect(await realtime.health()).toMatchObject({ status: expected })
  await realtime.close()
  server.close()
})

it('doubts a connection when the page wakes or its network changes, and leaves one that is dead', async () => {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    let isDead = false
    const beats: string[] = []
    class Line extends EventTarget {
      readyState = 1
      constructor() {
        super()
        queueMicrotask(() => this.dispatchEvent(new Event('open')))
      }
      send(text: string): void {
        const [joinRef, ref, topic, event] = JSON.parse(text) as [string, string, string, string]
        if (event === 'heartbeat') beats.push(ref)
        const reply = JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'ok', response: {} }])
        if (!isDead) queueMicrotask(() => this.dispatchEvent(new MessageEvent('message', { data: reply })))
      }
      close(): void {}
    }
    const driver = embedded({ url: 'http://127.0.0.1:1', WebSocket: Line as never })
    const onDown = vi.fn()
    const handlers = { onMessage() {}, onPresence() {}, onDown }
    await driver.subscribe('room', { private: false, token: 't', self: false }, handlers, new AbortController().signal)
    for (const event of ['online', 'offline', 'visibilitychange']) page.dispatchEvent(new Event(event))
    await vi.advanceTimersByTimeAsync(6000)
    expect([beats.length, onDown.mock.calls.length]).toEqual([3, 0])
    isDead = true
    page.dispatchEvent(new Event('visibilitychange'))
    await vi.advanceTimersByTimeAsync(4999)
    expect(onDown).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(onDown).toHaveBeenCalledOnce()
    page.dispatchEvent(new Event('online'))
    expect(beats).toHaveLength(4)
    await driver.close()
  } finally {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  }
})

it('gives up a connection that is never answered, and makes another', async () => {
  vi.useFakeTimers()
  try {
    let made = 0
    class Silent extends EventTarget {
      readyState = 0
      constructor() {
        super()
        made += 1
      }
      send(): void {}
      close(): void {}
    }
    const driver = embedded({ url: 'http://127.0.0.1:1', WebSocket: Silent as never })
    const options = { private: false, token: 't', self: false }
    const handlers = { onMessage() {}, onPresence() {}, onDown() {} }
    const join = (): Promise<unknown> => driver.subscribe('room', options, handlers, new AbortController().signal)
    const first = expect(join()).rejects.toThrow('The connection was lost.')
    await vi.advanceTimersByTimeAsync(10_000)
    await first
    const second = expect(join()).rejects.toThrow('The connection was lost.')
    expect(made).toBe(2)
    await driver.close()
    await second
  } finally {
    vi.useRealTimers()
  }
})

it('supabase publishes as the user whose topics are joined, and with its own key once they have gone', async () => {
  const bearers: unknown[] = []
  const server = createServer((request, response) => {
    bearers.push(request.headers.authorization)
    request.resume().once('end', () => response.writeHead(202).end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const made: string[] = []
  // As much of the SDK as a join takes.
  const createClient = () => {
    made.push('client')
    const channel = { on: () => channel, subscribe: (tell: (status: string) => void) => tell('SUBSCRIBED') }
    return {
      channel: () => channel,
      removeChannel: async () => 'ok',
      removeAllChannels: async () => [],
      realtime: { setAuth: async () => undefined, disconnect: async () => void made.push('disconnected') },
    }
  }
  const driver = supabase({ url, anonKey: 'anon', sdk: { createClient: createClient as never } })
  const { signal } = new AbortController()
  const handlers = { onMessage() {}, onPresence() {}, onDown() {} }
  const join = (user: string, token: string | undefined) =>
    driver.subscribe('room', { private: true, token, user, self: false }, handlers, signal)
  const message = { topic: 'room', event: 'note', payload: {}, private: true }
  await driver.publish?.([message], signal)
  const ana = await join('ana', 'of-ana')
  await driver.publish?.([message], signal)
  const left = ana.leave()
  await driver.publish?.([message], signal)
  await left
  const nobody = await join('', undefined)
  await driver.publish?.([message], signal)
  expect(bearers).toEqual(['Bearer anon', 'Bearer of-ana', 'Bearer anon', 'Bearer anon'])
  expect(made).toEqual(['client', 'client', 'disconnected'])
  await nobody.leave()
  await driver.close()
  server.close()
})

/** The real SDK joins a private topic of a server that refuses it, and then of one that is away. */
it('supabase says what the server refuses, and takes a connection that is lost for no refusal', async () => {
  const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
  const server = await startRealtimeServer({ jwtSecret, authorize: () => false })
  const token = await signTestToken(jwtSecret, { sub: 'ana' })
  const told: unknown[] = []
  const handlers = { onMessage() {}, onPresence() {}, onDown: (reason: Error) => told.push(reason) }
  const { signal } = new AbortController()
  const driver = supabase({ url: server.url, anonKey: await signTestToken(jwtSecret, { role: 'anon' }) })
  const join = (topic: string, isPrivate: boolean) =>
    driver.subscribe(topic, { private: isPrivate, token, user: 'ana', self: false }, handlers, signal)
  await expect(join('secret', true)).rejects.toMatchObject({ code: 'REALTIME_REFUSED', retryable: true })
  await join('news', false)
  await server.close()
  await expect.poll(() => told).toMatchObject([{ code: 'DRIVER_FAILED', retryable: true }])
  await expect(join('others', false)).rejects.toMatchObject({ code: 'DRIVER_FAILED', retryable: true })
  await driver.close()
})
