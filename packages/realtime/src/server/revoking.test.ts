import { systemClock } from '@msc/core'
import { createManualClock } from '@msc/core/testing'
import { SignJWT } from 'jose'
import { afterEach, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus } from '../bus/index.ts'
import { deferred } from '../base/promises.ts'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { createRevocations } from './admission/revocations.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from './index.ts'
import { createRuntime } from './runtime.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
})

const now = (): number => Math.floor(Date.now() / 1000)
/** `iat` in seconds; none where it is `undefined`. */
const sign = (sub: string, session: string, iat: number | undefined = now() - 10): Promise<string> =>
  new SignJWT({ role: 'authenticated', sub, session_id: session, ...(iat >= 0 && { iat }) })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(now() + 3600)
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
const join = (token?: string) => ({
  config: { broadcast: { ack: true } },
  ...(token !== undefined && { access_token: token }),
})
const get = (server: StandaloneServer, path: string, token: string): Promise<Response> =>
  fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
const post = async (server: StandaloneServer, path: string, body: unknown, token: string): Promise<number> =>
  (
    await fetch(`${server.url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${token}` },
    })
  ).status
const BODY = { messages: [{ topic: 't', event: 'e', payload: {} }] }

/** What each door of the server says to a token: true when it lets it in. */
async function doors(server: StandaloneServer, token: string): Promise<Record<string, boolean>> {
  const before = server.stats().connections
  const neutral = await open(server, await sign('neutral', 'neutral'))
  const upgrade = await open(server, token).then(
    (socket) => {
      socket.socket.terminate()
      return true
    },
    () => false,
  )
  const joined = (await neutral.ask('realtime:door', 'phx_join', join(token))).status === 'ok'
  if (joined) await neutral.ask('realtime:door', 'phx_leave')
  const renewing = await open(server, await sign('neutral', 'neutral'))
  await renewing.ask('realtime:door', 'phx_join', join())
  renewing.say('realtime:door', 'access_token', { access_token: token })
  const renewed = (await renewing.ask('realtime:door', 'broadcast', { event: 'e', payload: {} })).status === 'ok'
  const stream = await get(server, '/realtime/v1/events?topic=t', token)
  await stream.body?.cancel()
  const session = await get(server, '/realtime/v1/events', token)
  await session.body?.cancel()
  const rest = await post(server, '/realtime/v1/api/broadcast', BODY, token)
  const one = await post(server, '/realtime/v1/api/broadcast/t/events/e', {}, token)
  const since = await post(server, '/rest/v1/rpc/msc_feed_since', { topic: 'feed:items:a' }, token)
  const inProcess = await server
    .connect(
      token,
      () => undefined,
      () => undefined,
    )
    .then(
      (client) => {
        client.close()
        return true
      },
      () => false,
    )
  for (const { socket } of [neutral, renewing]) socket.terminate()
  // Until nothing of this is left, or it would be ended too.
  await expect.poll(() => server.stats().connections).toBe(before)
  return {
    upgrade,
    joined,
    renewed,
    stream: stream.status === 200,
    session: session.status === 200,
    rest: rest === 202,
    one: one === 202,
    // There are no feeds here: whoever is let in hears that.
    since: since === 404,
    inProcess,
  }
}
const all = (open: boolean): Record<string, boolean> =>
  Object.fromEntries(
    ['upgrade', 'joined', 'renewed', 'stream', 'session', 'rest', 'one', 'since', 'inProcess'].map((door) => [
      door,
      open,
    ]),
  )

describe('revoke', () => {
  it.each([
    ['an account', { sub: 'a' }],
    ['a session', { sessionId: 's1' }],
  ] as const)('ends %s at once, and shuts every door to its tokens of before', async (_what, revoked) => {
    const server = await serve({ limits: { perAccount: false, perAddress: false } })
    const [token, other] = [await sign('a', 's1'), await sign('b', 's2')]
    expect(await doors(server, token)).toEqual(all(true))
    const [socket, stays] = [await open(server, token), await open(server, other)]
    for (const each of [socket, stays]) await each.ask('realtime:t', 'phx_join', join())
    const stream = await get(server, '/realtime/v1/events?topic=t', token)
    const [from, second] = [performance.now(), now()]
    expect(server.revoke(revoked, { reason: 'Stolen' })).toBe(2)
    server.publish({ topic: 't', event: 'e', payload: {}, private: false })
    expect(await socket.ended).toEqual([1008, 'Stolen'])
    expect(await stream.text()).toBe('')
    expect(performance.now() - from).toBeLessThan(1000)
    expect(socket.heard).toEqual([])
    expect(await doors(server, token)).toEqual(all(false))
    // One that does not say when it was issued, and one of this very second.
    expect(await doors(server, await sign('a', 's1', -1))).toEqual(all(false))
    expect(await doors(server, await sign('a', 's1', second))).toEqual(all(false))
    // Who signs in anew comes in, and so does everybody else.
    expect(await doors(server, await sign('a', 's1', second + 2))).toEqual(all(true))
    expect(await doors(server, other)).toEqual(all(true))
    expect(await stays.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
  })

  it('shuts every door to tokens of before where whoever issues them is ahead, and to none of after', async () => {
    const server = await serve({ limits: { perAccount: false, perAddress: false } })
    const second = now()
    const token = await sign('a', 's1', second + 60)
    const socket = await open(server, token)
    server.revoke({ sub: 'a' })
    expect(await socket.ended).toEqual([1008, 'Revoked'])
    expect(await doors(server, token)).toEqual(all(false))
    expect(await doors(server, await sign('a', 's1', now() + 62))).toEqual(all(true))
  })

  it('does so where another server has seen that they are ahead, also on one that starts later', async () => {
    const hub = createMemoryBusHub()
    const limits = { perAccount: false, perAddress: false } as const
    const [here, there] = [await serve({ bus: memoryBus(hub), limits }), await serve({ bus: memoryBus(hub), limits })]
    await expect.poll(() => [here, there].map((server) => server.stats().bus?.others)).toEqual([1, 1])
    const second = now()
    const tokens = [await sign('a', 's1', second + 60), await sign('b', 's2', second + 60)] as const
    const heard = await open(here, await sign('c', 's3'))
    await heard.ask('realtime:t', 'phx_join', join())
    for (const token of tokens) expect(await post(there, '/realtime/v1/api/broadcast', BODY, token)).toBe(202)
    // What was said before it was heard too.
    await expect.poll(() => heard.heard.length).toBe(2)
    here.revoke({ sub: 'a' })
    await expect.poll(() => post(there, '/realtime/v1/api/broadcast', BODY, tokens[0])).toBe(401)
    expect(await doors(here, tokens[0])).toEqual(all(false))
    const later = await serve({ bus: memoryBus(hub), limits })
    await expect.poll(() => post(later, '/realtime/v1/api/broadcast', BODY, tokens[0])).toBe(401)
    later.revoke({ sub: 'b' })
    expect(await doors(later, tokens[1])).toEqual(all(false))
    expect(await doors(later, await sign('b', 's2', now() + 62))).toEqual(all(true))
  })

  it('lets nobody in whose token was being looked at', async () => {
    const asked = deferred<void>()
    const answer = deferred<boolean>()
    const server = await serve({
      isLive() {
        asked.resolve()
        return answer.promise
      },
    })
    const arriving = open(server, await sign('a', 's1')).catch((error: Error) => error.message)
    await asked.promise
    expect(server.revoke({ sub: 'a' })).toBe(0)
    answer.resolve(true)
    expect(await arriving).toContain('401')
  })

  it.each([
    ['behind', -55_000],
    ['ahead', 55_000],
  ])(
    'shuts every door of another server whose clock is %s by a minute, and of one that starts later',
    async (_how, ms) => {
      const hub = createMemoryBusHub()
      const clock = { ...systemClock, now: () => Date.now() + ms }
      const limits = { perAccount: false, perAddress: false } as const
      const [here, there] = [await serve({ bus: memoryBus(hub) }), await serve({ bus: memoryBus(hub), clock, limits })]
      await expect.poll(() => [here, there].map((server) => server.stats().bus?.others)).toEqual([1, 1])
      const [token, session] = [await sign('a', 's1', now() - 1), await sign('b', 's2')]
      const [socket, renewed] = [await open(there, token), await open(there, session)]
      const at = now()
      here.revoke({ sub: 'a' })
      here.revoke({ sessionId: 's2' })
      expect((await Promise.all([socket.ended, renewed.ended])).map(([code]) => code)).toEqual([1008, 1008])
      expect(await doors(there, token)).toEqual(all(false))
      expect(await doors(there, await sign('a', 's1', at + 2))).toEqual(all(true))
      const later = await serve({ bus: memoryBus(hub), clock, limits })
      for (const each of [token, session]) {
        await expect.poll(() => post(later, '/realtime/v1/api/broadcast', BODY, each)).toBe(401)
      }
      expect(await doors(later, token)).toEqual(all(false))
      expect(await doors(later, session)).toEqual(all(false))
      expect(await doors(later, await sign('a', 's1', at + 2))).toEqual(all(true))
    },
  )

  it.each([{}, { sub: '' }, { sessionId: 5 }, { sub: 'a', sessionId: 's' }])(
    'refuses to take back %j',
    async (revoked) => {
      const server = await serve()
      expect(() => server.revoke(revoked as never)).toThrow(expect.objectContaining({ code: 'REALTIME_ENDED_UNNAMED' }))
    },
  )
})

describe('what is remembered of revocations', () => {
  const HOUR = 3_600_000
  const start = 1_800_000_000_000
  const claims = (at: number, lifeMs: number, sub = 'a') => ({
    role: 'authenticated',
    sub,
    iat: at / 1000,
    exp: (at + lifeMs) / 1000,
  })

  it('goes when no token of before can live any more, by the longest that was seen', async () => {
    const clock = createManualClock(start)
    const revocations = createRevocations(100, createRuntime(clock))
    const long = claims(start - HOUR, 72 * HOUR)
    revocations.allows({ ...claims(start, 100_000 * HOUR), sub: undefined as never })
    expect(revocations.allows(long)).toBe(true)
    revocations.add({ sub: 'a' })
    for (let hour = 0; hour < 71; hour++) {
      await clock.advance(HOUR)
      revocations.add({ sub: 'another' })
      expect(revocations.allows(long)).toBe(false)
      expect(revocations.allows(claims(clock.now(), HOUR))).toBe(true)
    }
    await clock.advance(2 * HOUR)
    revocations.add({ sub: 'another' })
    expect(revocations.size).toBe(1)
  })

  it('holds for a token that says when in milliseconds, or in the future, and for none that is as it should be', () => {
    const revocations = createRevocations(3, createRuntime(createManualClock(start)))
    const issued = (iat: unknown) => revocations.allows({ ...claims(start, HOUR), iat })
    expect(issued(start)).toBe(true)
    revocations.add({ sub: 'a' })
    const odd = [start, start / 1000 + 3600, Infinity, Number.NaN, `${start / 1000 + 1}`, null, undefined, start / 1000]
    expect(odd.map(issued)).toEqual(odd.map(() => false))
    expect([start / 1000 + 1, start / 1000 + 60].map(issued)).toEqual([true, true])
  })

  it('holds for all that an issuer who is ahead has issued, also where the own clock was set meanwhile', async () => {
    const clock = createManualClock(start)
    let setBy = 0
    const revocations = createRevocations(10, createRuntime({ ...clock, now: () => clock.now() + setBy }))
    const allows = (second: number): boolean => revocations.allows(claims(start + second * 1000, HOUR))
    // From later than anything is believed, it says nothing of the issuer.
    expect([allows(301), allows(5)]).toEqual([true, true])
    await clock.advance(2000)
    revocations.add({ sub: 'a' })
    // One that was shown, and one that was not.
    expect([5, 7, 8].map(allows)).toEqual([false, false, true])
    setBy = -60_000
    revocations.add({ sub: 'a' })
    expect([8, 9].map(allows)).toEqual([false, true])
    setBy = 0
    // By then no token that was shown is of later than now.
    await clock.advance(600_000)
    revocations.add({ sub: 'a' })
    expect([602, 603].map(allows)).toEqual([false, true])
  })

  it('is bounded: the oldest is forgotten, and that is reported', async () => {
    const told: string[] = []
    const runtime = createRuntime(createManualClock(start), (error) => void told.push((error as Error).message))
    const revocations = createRevocations(3, runtime)
    for (const sub of ['a', 'b', 'c', 'a', 'd']) revocations.add({ sub })
    expect(revocations.size).toBe(3)
    expect(told).toEqual([expect.stringContaining('too many revocations')])
    const allowed = ['a', 'b', 'c', 'd'].filter((sub) => revocations.allows(claims(start - HOUR, 2 * HOUR, sub)))
    expect(allowed).toEqual(['b'])
  })
})

describe('kick', () => {
  it('sends the members that are meant out of one topic, who may come back at once', async () => {
    const server = await serve()
    const [ana, bob] = [await open(server, await sign('a', 's1')), await open(server, await sign('b', 's2'))]
    for (const each of [ana, bob]) {
      for (const topic of ['t', 'u']) await each.ask(`realtime:${topic}`, 'phx_join', join())
    }
    const stream = await get(server, '/realtime/v1/events?topic=t', await sign('a', 's1'))
    expect(server.kick({ topic: 't', sub: 'a' }, 'Behave')).toBe(2)
    await expect
      .poll(() => ana.heard)
      .toEqual([
        ['realtime:t', 'system', { extension: 'system', status: 'error', message: 'Behave', channel: 't' }],
        ['realtime:t', 'phx_close', {}],
      ])
    const reader = stream.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('event: closed')
    await reader?.cancel()
    // It hears nothing more there, is still where else it was, and nobody else was meant.
    server.publish({ topic: 't', event: 'e', payload: {}, private: false })
    server.publish({ topic: 'u', event: 'e', payload: {}, private: false })
    await expect.poll(() => ana.heard.map(([topic]) => topic)).toEqual(['realtime:t', 'realtime:t', 'realtime:u'])
    await expect.poll(() => bob.heard.length).toBe(2)
    expect(await ana.ask('realtime:t', 'phx_join', join())).toMatchObject({ status: 'ok' })
  })

  it('keeps them out for as long as it says, at every way in', async () => {
    const clock = createManualClock(Date.now())
    const server = await serve({ clock })
    const [ana, bob] = [await open(server, await sign('a', 's1')), await open(server, await sign('b', 's2'))]
    const isPrivate = { config: { private: true } }
    for (const each of [ana, bob]) await each.ask('realtime:t', 'phx_join', isPrivate)
    expect(server.kick({ topic: 't', sub: 'a', private: true, forMs: 5000 })).toBe(1)
    expect(await ana.ask('realtime:t', 'phx_join', isPrivate)).toMatchObject({
      response: { reason: 'Unauthorized: You were removed from this Channel topic' },
      msc: { code: 'FORBIDDEN', retryable: true, retry_after_ms: 5000 },
    })
    // Neither on another connection, nor as a stream, nor by a token for a place that somebody else took.
    const token = await sign('a', 's9')
    const again = await open(server, token)
    expect(await again.ask('realtime:t', 'phx_join', isPrivate)).toMatchObject({ status: 'error' })
    expect((await get(server, '/realtime/v1/events?topic=t&private=true', token)).status).toBe(403)
    bob.say('realtime:t', 'access_token', { access_token: token })
    await expect.poll(() => bob.heard.map(([, event]) => event)).toEqual(['system', 'phx_close'])
    // The public room of that name, and another topic, are others.
    expect(await again.ask('realtime:t', 'phx_join', join())).toMatchObject({ status: 'ok' })
    expect(await again.ask('realtime:u', 'phx_join', isPrivate)).toMatchObject({ status: 'ok' })
    await clock.advance(5000)
    expect(await ana.ask('realtime:t', 'phx_join', isPrivate)).toMatchObject({ status: 'ok' })
  })

  it('has no end where it is said to have none, and then nobody is told to try again', async () => {
    const server = await serve()
    const ana = await open(server, await sign('a', 's1'))
    server.kick({ topic: 't', sub: 'a', forMs: Infinity })
    expect((await ana.ask('realtime:t', 'phx_join', join())).msc).toEqual({
      code: 'FORBIDDEN',
      retryable: false,
    })
  })

  it('keeps out whose join was being looked at', async () => {
    const asked = deferred<void>()
    const answer = deferred<boolean>()
    const server = await serve({
      authorize() {
        asked.resolve()
        return answer.promise
      },
    })
    const ana = await open(server, await sign('a', 's1'))
    const joining = ana.ask('realtime:t', 'phx_join', { config: { private: true } })
    await asked.promise
    server.kick({ topic: 't', sub: 'a', forMs: 60_000 })
    answer.resolve(true)
    expect(await joining).toMatchObject({ msc: { code: 'FORBIDDEN' } })
  })

  it.each([[{}], [{ topic: '' }], [{ topic: 't', sub: '' }], [{ topic: 't', forMs: Number.NaN }]])(
    'refuses %j',
    async (kicked) => {
      const server = await serve()
      expect(() => server.kick(kicked as never)).toThrow(/\[msc\/realtime\]/)
    },
  )
})
