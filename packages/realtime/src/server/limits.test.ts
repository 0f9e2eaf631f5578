import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { FeedKeeping } from '../feed/keeping.ts'
import type { FeedSource } from '../feed/source.ts'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { signTestToken } from '../testing/tokens.ts'
import {
  createRealtimeServer,
  startRealtimeServer,
  type RealtimeServerOptions,
  type StandaloneServer,
} from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
})

/** Stands in for a database, and counts what is asked of it. */
function countedFeeds(): FeedSource & { reads: number } {
  const page = { cursor: '00000000-0000-4000-8000-000000000000:1', events: [], gap: false, more: false }
  const feeds = {
    reads: 0,
    start: async () => undefined,
    since: async () => {
      feeds.reads += 1
      return page
    },
    replay: async () => [],
    close: async () => undefined,
  }
  return feeds
}

async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const server = await startRealtimeServer({
    jwtSecret,
    authorize: () => true,
    // As a proxy of ours tells it.
    clientAddress: ({ headers }) => String(headers['x-address'] ?? '192.0.2.1'),
    ...options,
  })
  servers.push(server)
  return server
}
const open = async (server: StandaloneServer, sub: string, address = '192.0.2.1'): Promise<RawSocket> => {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }), { 'x-address': address })
  sockets.push(socket)
  return socket
}
const post = async (server: StandaloneServer, path: string, body: unknown, token: string, address = '192.0.2.1') =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${token}`, 'x-address': address },
  })
const BROADCAST = '/realtime/v1/api/broadcast'
const messages = (count: number) => ({
  messages: Array.from({ length: count }, () => ({ topic: 't', event: 'e', payload: {} })),
})

describe('limits of open sockets', () => {
  it('refuse 1 200 of one account, and nobody else', async () => {
    const server = await serve()
    const outcomes: string[] = []
    for (let n = 0; n < 1200; n++) {
      outcomes.push(
        await open(server, 'greedy').then(
          () => 'open',
          (error: Error) => error.message.slice(0, 3),
        ),
      )
    }
    expect(outcomes.filter((each) => each === 'open')).toHaveLength(20)
    expect(outcomes.filter((each) => each === '429')).toHaveLength(1180)
    await open(server, 'modest')
    await open(server, 'modest', '192.0.2.2')
    expect(server.stats().connections).toBe(22)
  })

  it('say when to come back, and are free again when a socket is closed or killed', async () => {
    const server = await serve({ limits: { perAccount: { sockets: 2 } } })
    const [first, second] = [await open(server, 'a'), await open(server, 'a')]
    await expect(open(server, 'a')).rejects.toMatchObject({
      message: '429 {"error":"Too many open sockets of one account"}',
      headers: { 'retry-after': '10', 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' },
    })
    // Without a word: the connection is reset.
    first.socket.terminate()
    await expect.poll(() => server.stats().connections).toBe(1)
    const third = await open(server, 'a')
    second.socket.close()
    await second.ended
    await expect.poll(() => server.stats().connections).toBe(1)
    await open(server, 'a')
    await expect(open(server, 'a')).rejects.toThrow('429')
    third.socket.close()
  })

  it('of the whole server say so too, at every door', async () => {
    const server = await serve({ limits: { connections: 1 } })
    await open(server, 'a')
    const refused = { message: '429 {"error":"Too many connected users"}', headers: { 'retry-after': '10' } }
    await expect(open(server, 'b')).rejects.toMatchObject(refused)
    // One that would say later whose it is.
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/realtime/v1/websocket?vsn=2.0.0`)
    const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage]
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([429, '10'])
    const token = await signTestToken(jwtSecret, { sub: 'b' })
    const headers = { authorization: `Bearer ${token}` }
    for (const [path, method] of [
      ['events', 'GET'],
      ['events?topic=t', 'GET'],
      ['poll', 'POST'],
    ] as const) {
      const { status, headers: said } = await fetch(`${server.url}/realtime/v1/${path}`, { method, headers })
      expect([path, status, said.get('retry-after')]).toEqual([path, 429, '10'])
    }
    await expect(
      server.connect(
        token,
        () => undefined,
        () => undefined,
      ),
    ).rejects.toMatchObject({
      code: 'REALTIME_RATE_LIMITED',
      retryAfterMs: 10_000,
    })
  })

  it('count anonymous visitors by address alone, an IPv6 household as one', async () => {
    const server = await serve({ limits: { perAccount: { sockets: 1 }, perAddress: { sockets: 2 } } })
    const anonymous = await signTestToken(jwtSecret, { role: 'anon' })
    const visit = async (address: string): Promise<void> =>
      void sockets.push(await openRaw(server.url, anonymous, { 'x-address': address }))
    await visit('2001:db8::1')
    await visit('2001:db8:0:0:ffff::2')
    await expect(visit('2001:db8::3')).rejects.toThrow('429 {"error":"Too many open sockets of one address"}')
    await visit('2001:db8:0:1::3')
    // As IPv4 and as IPv6 writes it.
    await visit('192.0.2.9')
    await visit('::ffff:192.0.2.9')
    await expect(visit('192.0.2.9')).rejects.toThrow('429')
  })

  it('count those whose address can not be told as one, and report why once', async () => {
    const told: unknown[] = []
    const server = await serve({
      clientAddress() {
        throw new Error('no proxy')
      },
      limits: { perAddress: { sockets: 1 } },
      onError: (error) => void told.push(error),
    })
    await open(server, 'a')
    await expect(open(server, 'b')).rejects.toThrow('429')
    expect(told).toEqual([expect.objectContaining({ message: 'no proxy' })])
  })

  it('follow an account that comes with the token of a join', async () => {
    const server = await serve({ limits: { perAccount: { sockets: 1 } } })
    await open(server, 'a')
    const anonymous = await openRaw(server.url, await signTestToken(jwtSecret, { role: 'anon' }))
    sockets.push(anonymous)
    const join = { config: {}, access_token: await signTestToken(jwtSecret, { sub: 'a' }) }
    expect(await anonymous.ask('realtime:t', 'phx_join', join)).toMatchObject({
      status: 'error',
      response: { reason: 'RateLimitReached: Too many open sockets of one account' },
    })
    const other = { config: {}, access_token: await signTestToken(jwtSecret, { sub: 'b' }) }
    expect(await anonymous.ask('realtime:t', 'phx_join', other)).toMatchObject({ status: 'ok' })
  })
})

describe('limits of what a socket says', () => {
  it('answer 2 000 broadcasts at once with errors for those that are too many, and keep the line', async () => {
    const clock = createManualClock()
    const server = await serve({ clock, limits: { framesPerSecond: 1000 } })
    const [loud, quiet] = [await open(server, 'loud'), await open(server, 'quiet')]
    const joined = { config: { broadcast: { ack: true } } }
    await Promise.all([loud.ask('realtime:t', 'phx_join', joined), quiet.ask('realtime:t', 'phx_join', joined)])
    const said = await Promise.all(
      Array.from({ length: 2000 }, () => loud.ask('realtime:t', 'broadcast', { event: 'e', payload: {} })),
    )
    // Ten seconds' worth of 100, of which the join was one.
    expect(said.filter(({ status }) => status === 'ok')).toHaveLength(999)
    expect(said.at(-1)).toEqual({
      status: 'error',
      response: { reason: 'RateLimitReached: Too many messages in a second of one account' },
      msc: { code: 'RATE_LIMITED', retryable: true, retry_after_ms: 10 },
    })
    // The line lives, and so does everybody else's.
    expect(await loud.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
    expect(await quiet.ask('realtime:t', 'broadcast', { event: 'e', payload: {} })).toMatchObject({ status: 'ok' })
    await clock.advance(1000)
    const later = await Promise.all(
      Array.from({ length: 101 }, () => loud.ask('realtime:t', 'broadcast', { event: 'e', payload: {} })),
    )
    expect(later.filter(({ status }) => status === 'ok')).toHaveLength(100)
  })

  it('end a socket that goes on at more than ten times its limit', async () => {
    const clock = createManualClock()
    const server = await serve({ clock, limits: { framesPerSecond: 2 } })
    const [flood, good] = [await open(server, 'flood'), await open(server, 'good')]
    // 20 are taken and 200 refused; after that it is a flood.
    for (let n = 0; n < 230; n++) flood.say('realtime:t', 'nonsense')
    expect(await flood.ended).toEqual([1008, 'Too many messages'])
    expect(await good.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
    expect(server.stats()).toMatchObject({ connections: 1 })
  })

  it('count bytes: large frames are fewer', async () => {
    const clock = createManualClock()
    const server = await serve({ clock, limits: { perAccount: { frameBytesPerSecond: 1000 } } })
    const socket = await open(server, 'a')
    await socket.ask('realtime:t', 'phx_join', { config: { broadcast: { ack: true } } })
    const payload = { event: 'e', payload: { text: 'x'.repeat(2000) } }
    const said = await Promise.all(Array.from({ length: 10 }, () => socket.ask('realtime:t', 'broadcast', payload)))
    expect(said.filter(({ status }) => status === 'ok')).toHaveLength(4)
    expect(said.at(-1)?.response.reason).toContain('Too many bytes in a second of one account')
  })

  it('let 100 joins of an account pass in a minute, and 400 topics at a time', async () => {
    const clock = createManualClock()
    const server = await serve({ clock, limits: { perAccount: { topics: 60 } } })
    const [one, two] = [await open(server, 'a'), await open(server, 'a')]
    const join = (socket: RawSocket, n: number) => socket.ask(`realtime:t${n}`, 'phx_join', { config: {} })
    for (let n = 0; n < 60; n++) expect(await join(one, n)).toMatchObject({ status: 'ok' })
    expect((await join(two, 60)).response.reason).toBe('RateLimitReached: Too many joined topics of one account')
    await one.ask('realtime:t1', 'phx_leave')
    expect(await join(two, 61)).toMatchObject({ status: 'ok' })
    for (let n = 0; n < 38; n++) await join(one, 2)
    expect((await join(one, 2)).response.reason).toBe('RateLimitReached: Too many joins in a minute of one account')
    await clock.advance(60_000)
    expect(await join(one, 2)).toMatchObject({ status: 'ok' })
    // What a killed socket had joined is free.
    one.socket.terminate()
    await expect.poll(() => server.stats().connections).toBe(1)
    for (let n = 0; n < 59; n++) expect(await join(two, 100 + (n % 90))).toMatchObject({ status: 'ok' })
  })
})

describe('limits of requests', () => {
  it('are no reason for 503, as while the database can not answer, which says when to try again too', async () => {
    const away = async (): Promise<never> => {
      throw new Error('The database is away.')
    }
    const feeds = { ...countedFeeds(), since: away, keeping: { append: away } as unknown as FeedKeeping }
    const server = await serve({ feeds, history: [{ topics: 't' }], onError: () => undefined })
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const answers = [
      await post(server, BROADCAST, messages(1), token),
      await post(server, '/rest/v1/rpc/msc_feed_since', { topic: 'feed:items:a' }, token),
    ]
    expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual([
      [503, '1'],
      [503, '1'],
    ])
  })

  it('take no 5 000 messages in one request, and 300 in a minute', async () => {
    const clock = createManualClock()
    const server = await serve({ clock, limits: { frameBytes: 1_000_000 } })
    const [a, b] = await Promise.all(['a', 'b'].map((sub) => signTestToken(jwtSecret, { sub })))
    const tooLarge = await post(server, BROADCAST, messages(5000), a as string)
    expect(tooLarge.status).toBe(413)
    expect(await tooLarge.json()).toMatchObject({ code: 'MESSAGES_TOO_MANY', most: 100 })
    const statuses: number[] = []
    for (let n = 0; n < 4; n++) statuses.push((await post(server, BROADCAST, messages(100), a as string)).status)
    expect(statuses).toEqual([202, 202, 202, 429])
    const refused = await post(server, BROADCAST, messages(100), a as string)
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      'retry-after': '20',
      'content-type': 'application/problem+json',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    })
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED', limit: 'messagesPerMinute', of: 'account' })
    expect((await post(server, BROADCAST, messages(100), b as string)).status).toBe(202)
    await clock.advance(20_000)
    expect((await post(server, BROADCAST, messages(100), a as string)).status).toBe(202)
    // The application's own key publishes for all of its users.
    const service = await signTestToken(jwtSecret, { role: 'service_role' })
    for (let n = 0; n < 20; n++) expect((await post(server, BROADCAST, messages(500), service)).status).toBe(202)
  })

  it('let 200 of 400 reads of a feed through to the database, over HTTP and sockets together', async () => {
    const feeds = countedFeeds()
    const server = await serve({ clock: createManualClock(), feeds })
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const socket = await open(server, 'a')
    await socket.ask('realtime:feed:items:a', 'phx_join', { config: { private: true } })
    const body = { topic: 'feed:items:a' }
    const asked = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        if (n % 2 === 0) return (await socket.ask('realtime:feed:items:a', 'msc_since')).status
        return (await post(server, '/rest/v1/rpc/msc_feed_since', body, token)).status
      }),
    )
    expect(new Set(asked)).toEqual(new Set(['ok', 200]))
    const more = await Promise.all(
      Array.from({ length: 200 }, async () => (await post(server, '/rest/v1/rpc/msc_feed_since', body, token)).status),
    )
    expect(new Set(more)).toEqual(new Set([429]))
    expect((await socket.ask('realtime:feed:items:a', 'msc_since')).response.reason).toContain(
      'Too many reads of feeds',
    )
    expect(feeds.reads).toBe(200)
  })

  it('count requests and their bytes, of strangers too', async () => {
    const clock = createManualClock()
    const server = await serve({
      clock,
      limits: { perAddress: { requestsPerMinute: 5 }, perAccount: { requestBytesPerMinute: 100 } },
    })
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const forged: number[] = []
    for (let n = 0; n < 7; n++) forged.push((await post(server, BROADCAST, messages(1), 'forged')).status)
    expect(forged).toEqual([401, 401, 401, 401, 401, 429, 429])
    await expect(open(server, 'a')).rejects.toThrow('429')
    const health = await fetch(`${server.url}/realtime/v1/health`, { headers: { 'x-address': '192.0.2.1' } })
    expect(health.status).toBe(429)
    expect((await post(server, BROADCAST, messages(1), token, '192.0.2.2')).status).toBe(202)
    const large = await post(server, BROADCAST, messages(3), token, '192.0.2.2')
    expect(await large.json()).toMatchObject({ limit: 'requestBytesPerMinute' })
    await clock.advance(60_000)
    expect((await post(server, BROADCAST, messages(1), 'forged')).status).toBe(401)
  })

  it('bound event streams', async () => {
    const server = await serve({ limits: { perAccount: { eventStreams: 2 } } })
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const endings: AbortController[] = []
    // A response that nobody has any more is ended by the runtime.
    const responses: Response[] = []
    const listen = async (): Promise<number> => {
      const ending = new AbortController()
      endings.push(ending)
      const response = await fetch(`${server.url}/realtime/v1/events?topic=t`, {
        headers: { authorization: `Bearer ${token}` },
        signal: ending.signal,
      })
      responses.push(response)
      return response.status
    }
    expect([await listen(), await listen(), await listen()]).toEqual([200, 200, 429])
    endings[0]?.abort()
    await expect.poll(() => server.stats().connections).toBe(1)
    expect(await listen()).toBe(200)
    expect(responses).toHaveLength(4)
    for (const ending of endings) ending.abort()
  })
})

it.each([
  { connections: Number.NaN },
  { perAccount: { sockets: Number.NaN } },
  { perAddress: { joinsPerMinute: -1 } },
  { perAddress: { topics: 'many' as never } },
])('limits that are no numbers are refused: %j', (limits) => {
  expect(() => createRealtimeServer({ jwtSecret, authorize: () => true, limits })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
})
