import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { toMessage } from '../feed/message.ts'
import type { FeedMessage, FeedSource } from '../feed/source.ts'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { signTestToken } from '../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
const told: unknown[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
  expect(told.splice(0)).toEqual([])
})

async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    onError: (error) => void told.push(error),
    ...options,
  })
  servers.push(server)
  return server
}
const open = async (server: StandaloneServer, claims: { sub?: string; role?: string }): Promise<RawSocket> => {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, claims))
  sockets.push(socket)
  return socket
}
const post = async (server: StandaloneServer, path: string, body: string): Promise<Response> =>
  fetch(`${server.url}/realtime/v1/api/broadcast${path}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${await signTestToken(jwtSecret, { role: 'anon' })}` },
  })
const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
const deepText = '['.repeat(8000) + ']'.repeat(8000)
const raw = (socket: RawSocket, ref: string, event: string, payload: string): void =>
  socket.socket.send(`[null,"${ref}","realtime:t","${event}",${payload}]`)
/** The reply to a frame that was written by hand. */
const replyTo = (socket: RawSocket, ref: string): Promise<Record<string, unknown>> =>
  new Promise((resolve) => {
    const listen = (data: unknown): void => {
      const [, own, , event, payload] = JSON.parse(String(data)) as [null, string, string, string, never]
      if (event !== 'phx_reply' || own !== ref) return
      socket.socket.off('message', listen)
      resolve(payload)
    }
    socket.socket.on('message', listen)
  })
const LOBBY = { config: { presence: { enabled: true }, broadcast: { ack: true } } }

describe('a payload that JSON.parse takes and JSON.stringify does not', () => {
  it('is refused to its sender, and the process, the room and the line live', async () => {
    const server = await serve()
    const [stranger, other] = [await open(server, { role: 'anon' }), await open(server, { sub: 'b' })]
    for (const each of [stranger, other]) await each.ask('realtime:t', 'phx_join', LOBBY)
    const frames = [
      ['presence', `{"type":"presence","event":"track","payload":{"deep":${deepText}}}`],
      ['broadcast', `{"type":"broadcast","event":"e","payload":${deepText}}`],
      ['phx_join', `{"config":{"postgres_changes":${deepText}}}`],
      ['access_token', `{"access_token":${deepText}}`],
    ] as const
    for (const [index, [event, payload]] of frames.entries()) {
      const answered = replyTo(stranger, `r${index}`)
      raw(stranger, `r${index}`, event, payload)
      expect(await answered).toMatchObject({
        status: 'error',
        response: { reason: expect.stringContaining('PayloadTooDeep') },
        msc: { code: 'PAYLOAD_TOO_DEEP', retryable: false },
      })
    }
    const many = Array.from({ length: 80 }, () => `{"topic":"t","event":"e","payload":{}}`).join(',')
    const message = `{"topic":"t","event":"e","payload":{"deep":${deepText}}}`
    const answers = [
      await post(server, '', `{"messages":[${many},${message}]}`),
      await post(server, '/t/events/e', deepText),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(422)
      expect(await answer.json()).toMatchObject({ code: 'PAYLOAD_TOO_DEEP' })
    }
    stranger.socket.close()
    await stranger.ended
    expect(await other.ask('realtime:t', 'broadcast', { event: 'e', payload: { deep: nested(60) } })).toMatchObject({
      status: 'ok',
    })
    expect(other.heard.filter(([, event]) => event === 'broadcast')).toEqual([])
    expect(server.stats().refused).toEqual({ PAYLOAD_TOO_DEEP: 6 })
  })

  it('reaches a feed’s own reader or nobody, and costs no other row', async () => {
    let publish = (_message: FeedMessage): void => undefined
    const feeds = {
      start: async (hand: typeof publish) => void (publish = hand),
      since: async () => undefined,
      replay: async () => [],
      close: async () => undefined,
    } as unknown as FeedSource
    const server = await serve({ feeds, onError: () => undefined })
    const reader = await open(server, { sub: 'b' })
    await reader.ask('realtime:feed:items:b', 'phx_join', { config: { private: true } })
    const row = (topic: string, record: string): FeedMessage =>
      toMessage({
        id: 1,
        at: new Date(0).toISOString(),
        topic,
        event: 'INSERT',
        private: true,
        payload: `{"schema": "public", "table": "items", "operation": "INSERT", "record": {"record": ${record}}}`,
        binary: null,
        cursor: '00000000-0000-0000-0000-000000000000:1:1:+1.1',
        xmin: '1',
        traceparent: null,
        author: null,
        target: null,
        target_event: null,
      })
    expect(() => publish(row('feed:items:z', '['.repeat(8000) + ']'.repeat(8000)))).not.toThrow()
    publish(row('feed:items:b', '1'))
    await expect.poll(() => reader.heard.length).toBe(1)
  })
})

describe('what is too large', () => {
  it('is refused to its sender, whose line and whose other topics stay', async () => {
    const server = await serve()
    const [ana, bob] = [await open(server, { sub: 'a' }), await open(server, { sub: 'b' })]
    for (const each of [ana, bob]) await each.ask('realtime:t', 'phx_join', LOBBY)
    const blob = 'x'.repeat(300_000)
    const broadcast = { event: 'e', payload: { blob } }
    expect(await ana.ask('realtime:t', 'broadcast', broadcast)).toEqual({
      status: 'error',
      response: { reason: 'PayloadTooLarge: A message has at most 262144 bytes' },
      msc: { code: 'PAYLOAD_TOO_LARGE', retryable: false },
    })
    const state = { event: 'track', payload: { blob: 'x'.repeat(9000) } }
    expect(await ana.ask('realtime:t', 'presence', state)).toMatchObject({
      response: { reason: 'PayloadTooLarge: A presence state has at most 8192 bytes' },
      msc: { code: 'PAYLOAD_TOO_LARGE', retryable: false },
    })
    await bob.ask('realtime:t', 'broadcast', { event: 'e', payload: {} })
    await expect.poll(() => ana.heard.some(([, event]) => event === 'broadcast')).toBe(true)
  })

  it('is told at the join', async () => {
    const server = await serve({ limits: { presenceBytes: Infinity, framesPerSecond: 30 } })
    const ana = await open(server, { sub: 'a' })
    const { response } = await ana.ask('realtime:t', 'phx_join', LOBBY)
    expect(response.msc).toEqual({
      spread_ms: 6,
      limits: { frame_bytes: 262_144, presence_bytes: null, event_bytes: 255, frames_per_second: 30 },
    })
  })

  it.each(['1.0.0', '2.0.0'] as const)('is refused by name: an event of 256 bytes, in version %s', async (version) => {
    const server = await serve()
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const socket = new WebSocket(
      `${server.url.replace('http', 'ws')}/realtime/v1/websocket?apikey=${token}&vsn=${version}`,
    )
    const replies: string[] = []
    socket.on('message', (data) => void replies.push(String(data)))
    await new Promise((resolve) => socket.once('open', resolve))
    const say = (ref: string, event: string, payload: unknown): void =>
      socket.send(
        JSON.stringify(
          version === '2.0.0'
            ? [null, ref, 'realtime:t', event, payload]
            : { topic: 'realtime:t', event, payload, ref },
        ),
      )
    say('1', 'phx_join', LOBBY)
    say('2', 'broadcast', { event: 'å'.repeat(128), payload: {} })
    await expect.poll(() => replies.length).toBe(3)
    expect(replies[2]).toContain('PayloadInvalid: event too long: at most 255 bytes')
    expect(() => server.publish({ topic: 't', event: 'e'.repeat(256), payload: {}, private: false })).toThrow(
      expect.objectContaining({ code: 'REALTIME_NAME_TOO_LONG' }),
    )
    socket.terminate()
  })
})

describe('a room that can not follow', () => {
  afterEach(() => void vi.useRealTimers())

  it('is told to whoever sends, by frame, request and call, and costs no member anything', async () => {
    // Nothing that waits is sent before the test says so.
    vi.useFakeTimers({ toFake: ['setImmediate'] })
    // The clock moves with each look at it, so that a message takes longer than its slice.
    const manual = createManualClock(Date.now())
    let looks = 0
    const clock = { ...manual, monotonic: () => (looks += 3) }
    const server = await serve({ clock, limits: { perAccount: false, perAddress: false, framesPerSecond: 1e6 } })
    const members = await Promise.all(Array.from({ length: 40 }, (_, n) => open(server, { sub: `m${n}` })))
    for (const each of members) await each.ask('realtime:t', 'phx_join', LOBBY)
    const publish = (): unknown => server.publish({ topic: 't', event: 'n', payload: {}, private: false })
    // One is on its way, and a thousand wait.
    for (let n = 0; n < 1000; n++) publish()
    const messages = (topics: readonly string[]): string =>
      JSON.stringify({ messages: topics.map((topic) => ({ topic, event: 'n', payload: {} })) })
    const tooMuch = await post(server, '', messages(['other', 't', 't']))
    expect([tooMuch.status, tooMuch.headers.get('retry-after'), await tooMuch.json()]).toMatchObject([
      429,
      '1',
      { code: 'ROOM_BUSY' },
    ])
    expect((await post(server, '', messages(['other', 't']))).status).toBe(202)
    expect(publish).toThrow(expect.objectContaining({ code: 'REALTIME_ROOM_BUSY', retryable: true }))
    const [ana, last] = [members[0] as RawSocket, members[39] as RawSocket]
    expect(await ana.ask('realtime:t', 'broadcast', { event: 'n', payload: {} })).toEqual({
      status: 'error',
      response: { reason: 'RoomBusy: Too many messages wait in this room' },
      msc: { code: 'ROOM_BUSY', retryable: true, retry_after_ms: 1000 },
    })
    expect(server.stats().refused).toEqual({ ROOM_BUSY: 3 })
    vi.runAllTicks()
    vi.runAllTimers()
    const broadcasts = (): number => last.heard.filter(([, event]) => event === 'broadcast').length
    await expect.poll(broadcasts, { timeout: 10_000 }).toBe(1001)
    expect(await ana.ask('realtime:t', 'broadcast', { event: 'n', payload: {} })).toMatchObject({ status: 'ok' })
    expect(server.stats()).toMatchObject({ connections: 40, rooms: 1 })
    expect(members.flatMap(({ heard }) => heard.filter(([, event]) => event === 'phx_close'))).toEqual([])
  })
})

describe('a server for private topics only', () => {
  it('refuses public joins, broadcasts and streams', async () => {
    const server = await serve({ privateOnly: true })
    const ana = await open(server, { sub: 'a' })
    expect(await ana.ask('realtime:t', 'phx_join', LOBBY)).toEqual({
      status: 'error',
      response: { reason: 'PrivateOnly: This project only allows private channels' },
      msc: { code: 'PRIVATE_ONLY', retryable: false },
    })
    expect(await ana.ask('realtime:t', 'phx_join', { config: { private: true } })).toMatchObject({ status: 'ok' })
    const messages = (isPrivate: boolean): string =>
      JSON.stringify({
        messages: [
          { topic: 't', event: 'e', payload: {}, private: true },
          { topic: 't', event: 'e', payload: {}, private: isPrivate },
        ],
      })
    const refused = await post(server, '', messages(false))
    expect([refused.status, await refused.json()]).toMatchObject([403, { code: 'PRIVATE_ONLY' }])
    expect((await post(server, '', messages(true))).status).toBe(202)
    expect((await post(server, '/t/events/e', '{}')).status).toBe(403)
    expect((await post(server, '/t/events/e?private=true', '{}')).status).toBe(202)
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const stream = (query: string): Promise<Response> =>
      fetch(`${server.url}/realtime/v1/events?${query}`, { headers: { authorization: `Bearer ${token}` } })
    expect((await stream('topic=t')).status).toBe(403)
    const allowed = await stream('topic=t&private=true')
    expect(allowed.status).toBe(200)
    await allowed.body?.cancel()
    expect(server.stats().refused).toEqual({ PRIVATE_ONLY: 4 })
  })

  it.each([{ privateOnly: 'yes' as never }, { presenceKey: 'anybody' as never }])(
    'and other choices are refused when they are none: %j',
    async (options) => {
      await expect(serve(options)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    },
  )
})

describe('a callback that throws', () => {
  it('of a listener in this process is reported, and ends nothing', async () => {
    const failures: unknown[] = []
    const server = await serve({ onError: (error, { operation }) => void failures.push([operation, String(error)]) })
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const fail = (): never => {
      throw new Error('mine')
    }
    const inside = await server.connect(token, fail, fail)
    const other = await open(server, { sub: 'b' })
    await other.ask('realtime:t', 'phx_join', LOBBY)
    inside.send(JSON.stringify([null, '1', 'realtime:t', 'phx_join', LOBBY]))
    await expect.poll(() => failures.length).toBeGreaterThan(0)
    server.publish({ topic: 't', event: 'e', payload: {}, private: false })
    await expect.poll(() => other.heard.some(([, event]) => event === 'broadcast')).toBe(true)
    inside.close()
    await expect.poll(() => failures.at(-1)).toEqual(['onClose', 'Error: mine'])
    expect(new Set(failures.slice(0, -1).map(String))).toEqual(new Set(['onFrame,Error: mine']))
    expect(server.stats()).toMatchObject({ connections: 1, rooms: 1 })
  })
})

it('counts what was joined, sent and refused, by reason', async () => {
  const server = await serve({ limits: { topics: 1 } })
  const ana = await open(server, { sub: 'a' })
  await ana.ask('realtime:t', 'phx_join', LOBBY)
  await ana.ask('realtime:u', 'phx_join', LOBBY)
  await ana.ask('realtime:t', 'broadcast', { event: 'e', payload: {} })
  await ana.ask('realtime:t', 'nonsense')
  await ana.ask('realtime:v', 'broadcast', { event: 'e', payload: {} })
  ana.socket.send('no frame')
  await expect(openRaw(server.url, 'forged')).rejects.toThrow('401')
  expect((await post(server, '', 'no JSON')).status).toBe(422)
  await ana.ask('phoenix', 'heartbeat')
  expect(server.stats()).toMatchObject({
    connections: 1,
    rooms: 1,
    dropped: 1,
    joins: 1,
    broadcasts: 1,
    refused: { RATE_LIMITED: 1, PAYLOAD_INVALID: 3, NOT_JOINED: 1, UNAUTHENTICATED: 1 },
  })
})
