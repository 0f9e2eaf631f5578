import { createManualClock } from '@msc/core/testing'
import { SignJWT } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { createRealtime } from '../create-realtime.ts'
import { memory } from '../drivers/memory.ts'
import { deferred } from '../base/promises.ts'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { startRealtimeServer, type Claims, type RealtimeServerOptions, type StandaloneServer } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
})

const sign = (sub: string, session?: string): Promise<string> =>
  new SignJWT({ role: 'authenticated', sub, ...(session !== undefined && { session_id: session }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(Math.floor(Date.now() / 1000) + 3600)
    .sign(new TextEncoder().encode(jwtSecret))
async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, onError: () => undefined, ...options })
  servers.push(server)
  return server
}
const open = async (server: StandaloneServer, token: string): Promise<RawSocket> => {
  const socket = await openRaw(server.url, token)
  sockets.push(socket)
  return socket
}
const listen = (server: StandaloneServer, token: string): Promise<Response> =>
  fetch(`${server.url}/realtime/v1/events?topic=t`, { headers: { authorization: `Bearer ${token}` } })
const publish = async (server: StandaloneServer, token: string): Promise<number> => {
  const response = await fetch(`${server.url}/realtime/v1/api/broadcast`, {
    method: 'POST',
    body: JSON.stringify({ messages: [{ topic: 't', event: 'e', payload: {} }] }),
    headers: { authorization: `Bearer ${token}` },
  })
  return response.status
}
const join = (token: string) => ({ config: { private: true }, access_token: token })

describe('a token whose sub or session_id is no text', () => {
  const odd = [5, 0, true, null, '', ['s1'], { id: 's1' }]
  const cases = odd.flatMap((value) => [{ session_id: value }, { sub: value }])
  it.each(cases)('is refused at every door: %j', async (claims) => {
    const token = await new SignJWT({ role: 'authenticated', ...claims } as never)
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(Math.floor(Date.now() / 1000) + 3600)
      .sign(new TextEncoder().encode(jwtSecret))
    const server = await serve()
    await expect(open(server, token)).rejects.toThrow()
    expect([(await listen(server, token)).status, await publish(server, token)]).toEqual([401, 401])
    const socket = await open(server, await sign('a', 's1'))
    expect(await socket.ask('realtime:t', 'phx_join', join(token))).toMatchObject({ status: 'error' })
    expect(server.stats()).toMatchObject({ connections: 1 })
    expect(server.disconnect({ sessionId: 's1' })).toBe(1)
  })

  it('can not be meant by disconnect either', async () => {
    const server = await serve()
    for (const value of odd) {
      for (const ended of [{ sessionId: value }, { sub: value }]) {
        expect(() => server.disconnect(ended as never)).toThrow(
          expect.objectContaining({ code: 'REALTIME_ENDED_UNNAMED' }),
        )
      }
    }
  })
})

describe('disconnect', () => {
  it('lets no broadcast out that was waiting for the policies', async () => {
    const asked = deferred<void>()
    const answer = deferred<boolean>()
    const server = await serve({
      authorize: ({ action, topic }) => {
        if (action !== 'write' || topic !== 't') return true
        asked.resolve()
        return answer.promise
      },
    })
    const [ana, bob] = [await open(server, await sign('a', 's1')), await open(server, await sign('b', 's2'))]
    for (const each of [ana, bob]) {
      await each.ask('realtime:t', 'phx_join', { config: { private: true, broadcast: { self: false } } })
    }
    const heard: string[] = []
    const last = new Promise<void>((resolve) => {
      bob.socket.on('message', (data) => {
        const text = String(data)
        heard.push(text)
        if (text.includes('"last"')) resolve()
      })
    })
    ana.ask('realtime:t', 'broadcast', { type: 'broadcast', event: 'late', payload: {} }).catch(() => undefined)
    await asked.promise
    expect(server.disconnect({ sessionId: 's1' })).toBe(1)
    answer.resolve(true)
    await answer.promise
    await new Promise((resolve) => setImmediate(resolve))
    server.publish({ topic: 't', event: 'last', payload: {}, private: true })
    await last
    expect(heard.filter((text) => text.includes('"late"'))).toEqual([])
  })

  it('bounds what waits while the policies do not answer, and tells the sender', async () => {
    const answer = deferred<boolean>()
    const server = await serve({
      authorize: ({ action }) => (action === 'write' ? answer.promise : true),
      limits: { framesPerSecond: 10_000, perAccount: false, perAddress: false },
    })
    const ana = await open(server, await sign('a', 's1'))
    await ana.ask('realtime:t', 'phx_join', { config: { private: true, broadcast: { ack: true } } })
    const asks = Array.from({ length: 1400 }, () =>
      ana.ask('realtime:t', 'broadcast', { type: 'broadcast', event: 'e', payload: {} }),
    )
    // One is being asked for, and a thousand wait.
    const refused = await Promise.race(asks.slice(1300))
    expect(JSON.stringify(refused)).toContain('RateLimitReached: Too many messages wait')
    answer.resolve(true)
    const answers = (await Promise.all(asks)).map((each) => JSON.stringify(each))
    expect(answers.filter((each) => each.includes('RateLimitReached')).length).toBe(399)
  })

  it('ends every socket and stream of a session at once, and none of another', async () => {
    const server = await serve()
    const [one, two, other] = [await sign('a', 's1'), await sign('a', 's2'), await sign('b', 's3')]
    const ended = [await open(server, one), await open(server, one)]
    const stays = [await open(server, two), await open(server, other)]
    await Promise.all([...ended, ...stays].map((socket) => socket.ask('realtime:t', 'phx_join', { config: {} })))
    const stream = await listen(server, one)
    expect(server.disconnect({ sub: 'a', sessionId: 's1' }, 'Signed out')).toBe(3)
    expect(server.stats()).toMatchObject({ connections: 2 })
    // Nothing goes to those that were ended, from the moment on that it was called.
    server.publish({ topic: 't', event: 'e', payload: {}, private: false })
    expect(await Promise.all(ended.map((socket) => socket.ended))).toEqual([
      [1008, 'Signed out'],
      [1008, 'Signed out'],
    ])
    expect(await stream.text()).toBe('')
    expect(ended.flatMap(({ heard }) => heard)).toEqual([])
    for (const socket of stays) {
      expect(await socket.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
      expect(socket.heard).toHaveLength(1)
    }
    expect(server.disconnect({ sessionId: 's1' })).toBe(0)
    expect(server.disconnect({ sub: 'a' })).toBe(1)
  })

  it('ends a socket by the session of a token that came with a join, and a peer that does not say goodbye', async () => {
    const server = await serve()
    const socket = await open(server, await sign('anonymous'))
    await socket.ask('realtime:t', 'phx_join', join(await sign('a', 's1')))
    // As if it had stopped reading: it never answers the closing frame.
    socket.socket.pause()
    expect(server.disconnect({ sessionId: 's1' })).toBe(1)
    expect(server.stats()).toMatchObject({ connections: 0, rooms: 0, dropped: 0 })
    socket.socket.resume()
    expect((await socket.ended)[0]).toBe(1008)
  })

  it('tells the client, which comes back with a new token', async () => {
    const server = await serve()
    let session = 's1'
    const client = createRealtime({ driver: memory({ server }), getToken: () => sign('a', session), random: () => 0 })
    const channel = client.channel('room', { private: true })
    await channel.ready
    session = 's2'
    expect(server.disconnect({ sessionId: 's1' })).toBe(1)
    await expect.poll(() => server.disconnect({ sessionId: 's2' }), { timeout: 10_000 }).toBe(1)
    await client.close()
  })

  it.each([{}, { sub: '' }, { sessionId: undefined }, { sub: 5 as never }])('refuses to end %j', async (ended) => {
    const server = await serve()
    expect(() => server.disconnect(ended as never)).toThrow(expect.objectContaining({ code: 'REALTIME_ENDED_UNNAMED' }))
  })
})

describe('a session that has ended', () => {
  it('is refused everywhere: sockets, joins, new tokens, streams and requests', async () => {
    const over = new Set<unknown>()
    const server = await serve({ isLive: (claims) => !over.has(claims['session_id']) })
    const [token, other] = [await sign('a', 's1'), await sign('a', 's2')]
    const socket = await open(server, other)
    await socket.ask('realtime:held', 'phx_join', join(token))
    over.add('s1')
    await expect(open(server, token)).rejects.toThrow('401 {"error":"The session has ended"}')
    expect(await socket.ask('realtime:t', 'phx_join', join(token))).toMatchObject({
      status: 'error',
      response: { reason: 'Unauthorized: The session has ended' },
    })
    socket.say('realtime:held', 'access_token', { access_token: token })
    await expect.poll(() => socket.heard.map(([, event]) => event)).toEqual(['system', 'phx_close'])
    expect((await listen(server, token)).status).toBe(401)
    expect(await publish(server, token)).toBe(401)
    const since = await fetch(`${server.url}/rest/v1/rpc/msc_feed_since`, {
      method: 'POST',
      body: '{"topic":"feed:items:a"}',
      headers: { authorization: `Bearer ${token}` },
    })
    expect(since.status).toBe(401)
    expect(await publish(server, other)).toBe(202)
  })

  it('is asked of sessions and accounts, and not of the keys of the application', async () => {
    const asked: Claims[] = []
    const server = await serve({
      isLive(claims) {
        asked.push(claims)
        return true
      },
    })
    const key = await new SignJWT({ role: 'anon' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(jwtSecret))
    await open(server, key)
    expect(await publish(server, key)).toBe(202)
    expect(asked).toEqual([])
    const socket = await open(server, await sign('a', 's1'))
    await socket.ask('realtime:t', 'phx_join', { config: {} })
    expect(asked.map(({ session_id: id }) => id)).toEqual(['s1', 's1'])
  })

  it.each<[string, () => Promise<boolean>]>([
    ['fails', () => Promise.reject(new Error('database away'))],
    ['answers with nothing', () => new Promise(() => {})],
  ])('is unavailable, to be tried again, while the answer %s', async (_what, answer) => {
    let away = false
    const clock = createManualClock(Date.now())
    const told: string[] = []
    const server = await serve({
      clock,
      isLive: () => (away ? answer() : true),
      onError: (_error, { operation }) => void told.push(operation),
    })
    const token = await sign('a', 's1')
    const socket = await open(server, token)
    await socket.ask('realtime:held', 'phx_join', join(token))
    away = true
    /** Until the question is out, and its two seconds over. */
    const inTime = async <T>(work: Promise<T>): Promise<T> => {
      const done = new AbortController()
      void work.catch(() => undefined).finally(() => done.abort())
      while (!done.signal.aborted) await clock.advance(500)
      return work
    }
    await expect(inTime(open(server, token))).rejects.toMatchObject({
      message: expect.stringContaining('503'),
      headers: { 'retry-after': '1' },
    })
    expect(await inTime(publish(server, token))).toBe(503)
    expect((await inTime(listen(server, token))).headers.get('retry-after')).toBe('1')
    expect((await inTime(socket.ask('realtime:t', 'phx_join', join(token)))).response.reason).toContain('Unavailable')
    expect(new Set(told)).toEqual(new Set(['isLive']))
    away = false
    expect(await socket.ask('realtime:t', 'phx_join', join(token))).toMatchObject({ status: 'ok' })
  })

  it('is not let in by an answer of before it ended', async () => {
    for (const how of ['socket', 'stream', 'request', 'join'] as const) {
      const asked = deferred<void>()
      const answer = deferred<boolean>()
      let slow = false
      const server = await serve({
        isLive() {
          if (!slow) return true
          asked.resolve()
          return answer.promise
        },
      })
      const token = await sign('a', 's1')
      const socket = await open(server, await sign('b', 's2'))
      slow = true
      const arriving = {
        socket: () =>
          open(server, token).then(
            () => 'in',
            (error: Error) => error.message.slice(0, 3),
          ),
        stream: async () => String((await listen(server, token)).status),
        request: async () => String(await publish(server, token)),
        join: async () => (await socket.ask('realtime:t', 'phx_join', join(token))).response.reason,
      }[how]()
      await asked.promise
      // The question was answered while the session went on, and the answer is on its way.
      expect(server.disconnect({ sessionId: 's1' })).toBe(0)
      answer.resolve(true)
      expect(await arriving).toMatch(/^(401|Unauthorized: The session has ended)$/)
      expect(server.stats().connections).toBe(1)
    }
  })
})
