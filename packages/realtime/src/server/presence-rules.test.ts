import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { openRaw, type RawSocket } from '../testing/raw-socket.ts'
import { signTestToken } from '../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from './index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
})

async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, ...options })
  servers.push(server)
  return server
}
const open = async (server: StandaloneServer, claims: { sub?: string; role?: string }): Promise<RawSocket> => {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, claims))
  sockets.push(socket)
  return socket
}
const join = (socket: RawSocket, key?: string, topic = 't') =>
  socket.ask(`realtime:${topic}`, 'phx_join', {
    config: { presence: { enabled: true, ...(key !== undefined && { key }) } },
  })
const track = (socket: RawSocket, state: object = {}, topic = 't') =>
  socket.ask(`realtime:${topic}`, 'presence', { type: 'presence', event: 'track', payload: state })
/** The keys that came and went, as this one was told. */
const diffs = ({ heard }: RawSocket): string[] =>
  heard.flatMap(([, event, payload]) => {
    if (event !== 'presence_diff') return []
    const { joins, leaves } = payload as { joins: object; leaves: object }
    return [...Object.keys(joins).map((key) => `+${key}`), ...Object.keys(leaves).map((key) => `-${key}`)]
  })

describe('a presence key', () => {
  it('is the user’s id or a device of theirs, and nobody else’s', async () => {
    const server = await serve()
    const watcher = await open(server, { sub: 'w' })
    await join(watcher)
    for (const key of ['a', 'a:phone', '']) {
      const ana = await open(server, { sub: 'a' })
      expect(await join(ana, key)).toMatchObject({ status: 'ok' })
      expect(await track(ana)).toMatchObject({ status: 'ok' })
    }
    const ana = await open(server, { sub: 'a' })
    for (const key of ['b', 'ab', 'A', ' a', 'anon:1', '__proto__']) {
      expect(await join(ana, key)).toEqual({
        status: 'error',
        response: { reason: 'Unauthorized: A presence key is the user’s id, or begins with it and a colon' },
        msc: { code: 'FORBIDDEN', retryable: false },
      })
    }
    await expect.poll(() => diffs(watcher)).toEqual(['+a', '+a:phone', '+a'])
  })

  it('of nobody in particular is random, whatever they ask for', async () => {
    const server = await serve()
    const anonymous = await open(server, { role: 'anon' })
    await join(anonymous, 'admin')
    await track(anonymous)
    await expect.poll(() => diffs(anonymous)).toEqual([expect.stringMatching(/^\+anon:[0-9a-f]{16}$/)])
  })

  it('is the client’s word where that is wanted, and the operator’s everywhere', async () => {
    const anybody = await serve({ presenceKey: 'any' })
    const ana = await open(anybody, { sub: 'a' })
    expect(await join(ana, 'somebody')).toMatchObject({ status: 'ok' })
    const bound = await serve()
    const service = await open(bound, { role: 'service_role' })
    expect(await join(service, 'bot')).toMatchObject({ status: 'ok' })
  })

  it('has at most 255 bytes, and is not cut', async () => {
    const server = await serve({ presenceKey: 'any' })
    const ana = await open(server, { sub: 'a' })
    expect(await join(ana, 'å'.repeat(127))).toMatchObject({ status: 'ok' })
    expect(await join(ana, 'å'.repeat(128))).toMatchObject({ msc: { code: 'PAYLOAD_INVALID' } })
  })

  it.each(['user', 'any'] as const)(
    'goes with its user when a token of another comes, where keys are: %s',
    async (presenceKey) => {
      const server = await serve({ presenceKey })
      const [watcher, socket] = [await open(server, { sub: 'w' }), await open(server, { sub: 'a' })]
      await join(watcher)
      await join(socket, 'a:phone')
      await track(socket)
      const token = async (sub: string): Promise<void> =>
        socket.say('realtime:t', 'access_token', { access_token: await signTestToken(jwtSecret, { sub }) })
      // A newer token of the same user changes nothing.
      await token('a')
      await track(socket, { n: 1 })
      await token('b')
      await expect.poll(() => diffs(watcher)).toEqual(['+a:phone', '+a:phone', '-a:phone', '-a:phone'])
      await track(socket)
      const own = presenceKey === 'user' ? 'b' : 'a:phone'
      await expect.poll(() => diffs(watcher).at(-1)).toBe(`+${own}`)
    },
  )
})

describe('presence is bounded', () => {
  it('in a room: whoever comes is refused, and comes in when another leaves', async () => {
    const server = await serve({ limits: { presencePerRoom: 2 } })
    const [one, two, three] = await Promise.all(['a', 'b', 'c'].map((sub) => open(server, { sub })))
    for (const each of [one, two, three] as RawSocket[]) await join(each)
    for (const each of [one, two] as RawSocket[]) expect(await track(each)).toMatchObject({ status: 'ok' })
    expect(await track(three as RawSocket)).toMatchObject({ msc: { code: 'ROOM_BUSY', retryable: true } })
    // Those that are there may change, and another room is another one.
    expect(await track(one as RawSocket, { n: 1 })).toMatchObject({ status: 'ok' })
    await join(three as RawSocket, undefined, 'u')
    expect(await track(three as RawSocket, {}, 'u')).toMatchObject({ status: 'ok' })
    one?.socket.terminate()
    await expect.poll(() => server.stats().connections).toBe(2)
    expect(await track(three as RawSocket)).toMatchObject({ status: 'ok' })
  })

  it('in bytes of a room, so that whoever comes can be told all of it', async () => {
    const server = await serve({ limits: { presenceRoomBytes: 1000, presenceBytes: 700 } })
    const [one, two] = [await open(server, { sub: 'a' }), await open(server, { sub: 'b' })]
    for (const each of [one, two]) await join(each)
    const blob = (size: number): object => ({ blob: 'x'.repeat(size) })
    expect(await track(one, blob(600))).toMatchObject({ status: 'ok' })
    expect(await track(two, blob(400))).toMatchObject({ msc: { code: 'ROOM_BUSY' } })
    // What takes the place of its own state counts once.
    expect(await track(one, blob(650))).toMatchObject({ status: 'ok' })
    expect(await track(one, blob(10))).toMatchObject({ status: 'ok' })
    expect(await track(two, blob(400))).toMatchObject({ status: 'ok' })
  })

  it('in changes of one connection, and of all of an account', async () => {
    const clock = createManualClock(Date.now())
    const server = await serve({ clock, limits: { presencePerSecond: 1, perAccount: { presencePerSecond: 2 } } })
    const [one, two, other] = [
      await open(server, { sub: 'a' }),
      await open(server, { sub: 'a' }),
      await open(server, { sub: 'b' }),
    ]
    for (const each of [one, two, other]) await join(each)
    const many = async (socket: RawSocket, count: number): Promise<unknown[]> => {
      const answers = await Promise.all(Array.from({ length: count }, (_, n) => track(socket, { n })))
      return answers.filter(({ status }) => status === 'error')
    }
    const refused = {
      status: 'error',
      response: { reason: 'RateLimitReached: Too many changes of presence of one connection' },
      msc: { code: 'RATE_LIMITED', retryable: true, retry_after_ms: 1000 },
    }
    expect(await many(one, 12)).toEqual([refused, refused])
    expect(await many(two, 10)).toEqual([])
    await clock.advance(5000)
    expect(await many(two, 5)).toEqual([])
    expect((await many(one, 6)).length).toBe(1)
    expect(await many(other, 10)).toEqual([])
  })
})

it('a state can say neither its references nor another’s', async () => {
  const server = await serve()
  const [watcher, ana] = [await open(server, { sub: 'w' }), await open(server, { sub: 'a' })]
  await join(watcher)
  await join(ana)
  await track(ana, { phx_ref: 'mine', phx_ref_prev: 'yours', n: 1, '"}': '"]}' })
  await expect.poll(() => diffs(watcher)).toEqual(['+a'])
  const [, , payload] = watcher.heard.at(-1) as [string, string, { joins: { a: { metas: Record<string, unknown>[] } } }]
  expect(payload.joins.a.metas).toEqual([{ n: 1, '"}': '"]}', phx_ref: expect.stringMatching(/^[0-9a-f]{16}$/) }])
})
