import { createManualClock } from '@msc/core/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { deferred } from '../../base/promises.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
let server: StandaloneServer
const sockets: WebSocket[] = []
const start = async (options: Partial<RealtimeServerOptions> = {}): Promise<void> => {
  server = await startRealtimeServer({ jwtSecret, authorize: () => true, ...options })
}
beforeEach(() => {
  sockets.length = 0
})
afterEach(async () => {
  for (const socket of sockets) socket.terminate()
  await server.close()
})

type Frame = readonly [joinRef: string | null, ref: string | null, topic: string, event: string, payload: unknown]
interface Line {
  readonly socket: WebSocket
  readonly frames: Frame[]
  readonly ended: Promise<readonly [code: number, reason: string]>
  say(...frame: Frame): void
}
/** Opens a connection whose address does not say whose it is. */
async function open(): Promise<Line> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/realtime/v1/websocket?vsn=2.0.0`)
  sockets.push(socket)
  const frames: Frame[] = []
  socket.on('message', (data) => frames.push(JSON.parse(String(data)) as Frame))
  const ended = new Promise<readonly [number, string]>((resolve) => {
    socket.once('close', (code, reason) => resolve([code, String(reason)]))
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return { socket, frames, ended, say: (...frame) => socket.send(JSON.stringify(frame)) }
}
const join = (topic: string): Frame => [
  '2',
  '2',
  `realtime:${topic}`,
  'phx_join',
  { config: { broadcast: { ack: true } } },
]
const proof = (token: unknown): Frame => [null, '1', 'phoenix', 'access_token', { access_token: token }]
const replyTo = ({ frames }: Line, ref: string): unknown =>
  frames.find(([, own, , event]) => event === 'phx_reply' && own === ref)?.[4]

describe('a connection without a token in its address', () => {
  it('says it in its first frame, and what comes right behind is answered in its order', async () => {
    await start()
    const line = await open()
    expect(server.stats().connections).toBe(0)
    line.say(...proof(await signTestToken(jwtSecret, { sub: 'a' })))
    line.say(...join('room'))
    line.say('2', '3', 'realtime:room', 'broadcast', { type: 'broadcast', event: 'e', payload: {} })
    await expect.poll(() => replyTo(line, '3')).toMatchObject({ status: 'ok' })
    expect(line.frames.map(([, ref]) => ref).filter((ref) => ref !== null)).toEqual(['1', '2', '3'])
    expect(replyTo(line, '1')).toEqual({ status: 'ok', response: {} })
    expect(server.stats()).toMatchObject({ connections: 1, rooms: 1 })
    expect(server.disconnect({ sub: 'a' })).toBe(1)
    expect((await line.ended)[0]).toBe(1008)
  })

  it.each<[string, Frame]>([
    ['a heartbeat', [null, '1', 'phoenix', 'heartbeat', {}]],
    ['a join', ['1', '1', 'realtime:room', 'phx_join', { config: {} }]],
    ['a token that is none', [null, '1', 'phoenix', 'access_token', { access_token: 7 }]],
    ['a token for a topic', [null, '1', 'realtime:room', 'access_token', { access_token: 'x' }]],
  ])('is refused when it begins with %s, and makes no room', async (_what, frame) => {
    await start()
    const line = await open()
    line.say(...frame)
    expect((await line.ended)[0]).toBe(1008)
    expect(replyTo(line, '1')).toMatchObject({
      status: 'error',
      msc: { code: 'TOKEN_REFUSED', retryable: false },
    })
    expect(server.stats()).toMatchObject({ connections: 0, rooms: 0 })
  })

  it.each<[string, string | Uint8Array]>([
    ['no frame', 'hello'],
    ['bytes', new Uint8Array([3, 0, 0, 0, 0, 0, 0])],
    [
      'a token of a hundred kilobytes',
      JSON.stringify([null, '1', 'phoenix', 'access_token', { access_token: 'x'.repeat(100_000) }]),
    ],
  ])('is closed when it begins with %s', async (_what, data) => {
    await start()
    const line = await open()
    line.socket.send(data)
    expect((await line.ended)[0]).toBe(1008)
  })

  it('has ten seconds to say whose it is', async () => {
    const clock = createManualClock(Date.now())
    await start({ clock })
    const [mute, quick] = [await open(), await open()]
    quick.say(...proof(await signTestToken(jwtSecret, { sub: 'a' })))
    await expect.poll(() => replyTo(quick, '1')).toMatchObject({ status: 'ok' })
    await clock.advance(9_999)
    expect(mute.socket.readyState).toBe(WebSocket.OPEN)
    await clock.advance(1)
    expect(await mute.ended).toEqual([1008, 'No token came'])
    expect(quick.socket.readyState).toBe(WebSocket.OPEN)
  })

  it('is told in words why a token is refused, and that the same one helps no more', async () => {
    await start({ isLive: ({ sub }) => sub !== 'gone' })
    const tokens: [string, string][] = [
      [await signTestToken(jwtSecret, { sub: 'a' }, -5), 'Token has expired'],
      [await signTestToken(jwtSecret, { sub: 'gone' }), 'The session has ended'],
      ['forged', 'The token provided is not a valid JWT'],
      ['', 'API key is missing'],
    ]
    for (const [token, reason] of tokens) {
      const line = await open()
      line.say(...proof(token))
      line.say(...join('room'))
      expect(await line.ended).toEqual([1008, reason])
      expect(line.frames).toEqual([
        [
          null,
          '1',
          'phoenix',
          'phx_reply',
          { status: 'error', response: { reason }, msc: { code: 'TOKEN_REFUSED', retryable: false } },
        ],
      ])
    }
    expect(server.stats()).toMatchObject({ connections: 0, rooms: 0 })
  })

  it('is to come back later while nobody can say whether its session goes on', async () => {
    await start({ isLive: () => Promise.reject(new Error('away')), onError: () => undefined })
    const line = await open()
    line.say(...proof(await signTestToken(jwtSecret, { sub: 'a' })))
    expect((await line.ended)[0]).toBe(1013)
    expect(replyTo(line, '1')).toMatchObject({
      msc: { code: 'UNAVAILABLE', retryable: true, retry_after_ms: 1000 },
    })
  })

  it('has a place of its address at first and of its account then, and frees both', async () => {
    await start({ limits: { perAccount: { sockets: 1 }, perAddress: { sockets: 2 } } })
    const token = await signTestToken(jwtSecret, { sub: 'a' })
    const [one, two] = [await open(), await open()]
    await expect(open()).rejects.toThrow('429')
    one.say(...proof(token))
    await expect.poll(() => replyTo(one, '1')).toMatchObject({ status: 'ok' })
    two.say(...proof(token))
    expect((await two.ended)[0]).toBe(1013)
    expect(replyTo(two, '1')).toMatchObject({ msc: { code: 'RATE_LIMITED', retryable: true } })
    one.socket.close()
    await one.ended
    const [three] = [await open(), await open()]
    three.say(...proof(token))
    await expect.poll(() => replyTo(three, '1')).toMatchObject({ status: 'ok' })
  })

  it('counts among the connections that the server has at most', async () => {
    await start({ limits: { connections: 2 } })
    await open()
    await open()
    await expect(open()).rejects.toThrow('429')
  })

  it('that floods while its token is looked at is closed', async () => {
    const answer = deferred<boolean>()
    await start({ isLive: () => answer.promise })
    const line = await open()
    line.say(...proof(await signTestToken(jwtSecret, { sub: 'a' })))
    for (let n = 0; n < 5000; n++) line.say(null, `${n}`, 'phoenix', 'heartbeat', {})
    await expect.poll(() => line.socket.readyState).not.toBe(WebSocket.OPEN)
    answer.resolve(true)
    await line.ended
    expect(server.stats().connections).toBe(0)
  })

  it('that leaves while its token is looked at is nobody’s', async () => {
    const answer = deferred<boolean>()
    const asked = deferred<void>()
    await start({
      isLive: () => {
        asked.resolve()
        return answer.promise
      },
    })
    const line = await open()
    line.say(...proof(await signTestToken(jwtSecret, { sub: 'a' })))
    await asked.promise
    line.socket.terminate()
    await line.ended
    answer.resolve(true)
    await expect.poll(() => server.stats()).toMatchObject({ connections: 0, rooms: 0 })
  })

  it('is not let in by an answer of before `disconnect`', async () => {
    const answer = deferred<boolean>()
    const asked = deferred<void>()
    await start({
      isLive: () => {
        asked.resolve()
        return answer.promise
      },
    })
    const line = await open()
    line.say(...proof(await signTestToken(jwtSecret, { sub: 'a' })))
    await asked.promise
    server.disconnect({ sub: 'a' })
    answer.resolve(true)
    expect(await line.ended).toEqual([1008, 'The session has ended'])
  })

  it('ends with the server', async () => {
    await start()
    const line = await open()
    await server.close()
    await line.ended
  })
})
