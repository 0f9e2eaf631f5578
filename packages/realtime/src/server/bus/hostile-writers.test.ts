import { createManualClock } from '@msc/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { formatFrame } from '../../bus/frame.ts'
import { createMemoryBusHub, memoryBus, type MemoryBusHub } from '../../bus/index.ts'
import { createSigning } from '../../bus/signing.ts'
import { hubs } from '../../client/hub.ts'
import { createRealtime } from '../../create-realtime.ts'
import { embedded } from '../../drivers/embedded.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const otherSecret = 'another-secret-that-is-long-enough-too-01234'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
const reported: unknown[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
  reported.length = 0
})

async function serve(hub: MemoryBusHub, options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const onError = (error: unknown): void => void reported.push(error)
  const bus = memoryBus(hub)
  const server = await startRealtimeServer({ jwtSecret, authorize: () => true, bus, onError, ...options })
  servers.push(server)
  await server.ready
  return server
}
async function joined(server: StandaloneServer, sub: string, secret = jwtSecret): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(secret, { sub }))
  sockets.push(socket)
  await socket.ask('realtime:t', 'phx_join', { config: { presence: { enabled: true } } })
  return socket
}
const track = (socket: RawSocket): Promise<unknown> =>
  socket.ask('realtime:t', 'presence', { type: 'presence', event: 'track', payload: {} })
const heardOf = ({ heard }: RawSocket, kind: string): unknown[] => heard.filter(([, event]) => event === kind)
const notes = (socket: RawSocket): unknown[] =>
  heardOf(socket, 'broadcast').map((each) => (each as [string, string, { payload: unknown }])[2].payload)
/** Hears and writes like anybody who has the password of the backend. */
async function stranger(hub: MemoryBusHub) {
  const bus = memoryBus(hub)
  const captured: string[] = []
  await bus.start({ onMessage: (text) => captured.push(text), onGap() {}, onError() {} })
  const write = async (...texts: string[]): Promise<void> => {
    for (const text of texts) await bus.send(text, AbortSignal.timeout(1000))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { captured, write }
}

describe('whoever writes to the bus without the secret', () => {
  it('is counted and reported once, is heard by nobody, makes nobody hear a gap, and takes nobody out', async () => {
    const hub = createMemoryBusHub()
    const { captured, write } = await stranger(hub)
    const [one, two] = [await serve(hub), await serve(hub)]
    const [ana, bo] = [await joined(one, 'ana'), await joined(two, 'bo')]
    await track(ana)
    await expect.poll(() => heardOf(bo, 'presence_diff').length).toBe(1)
    // Of both servers: each is told something in its own name too.
    const ids = [...new Set(captured.map((text) => text.split(' ')[2] as string))]
    const [from = ''] = ids
    expect(ids.length).toBe(2)
    const message = '{"kind":"broadcast","topic":"t","event":"note","private":false,"text":"{}"}'
    const head = { from, at: Date.now(), isPublisher: false }
    const other = createSigning(otherSecret)
    const last = captured.at(-1) as string
    const forged = [
      'noise',
      `{"v":1,"from":"${from}","n":999,"p":false,"m":[${message}]}`,
      formatFrame({ ...head, number: 1000 }, [message], other),
      formatFrame({ ...head, number: 1001 }, ['{"kind":"bye"}'], other),
      formatFrame({ ...head, number: 1002 }, ['{"kind":"end","how":"disconnect","whom":{"sub":"bo"}}'], other),
      formatFrame({ ...head, from: 'new', number: 50 }, [message], other),
      ...ids.map((id) => formatFrame({ ...head, from: id, number: 1003 }, [message], other)),
      // A server's own words, with another number, and cut.
      last.replace(/ (\d+) (\d+) s\n/, ' 5000 $2 s\n'),
      last.slice(0, -1),
    ]
    const said = [...captured]
    await write(...forged)
    await expect.poll(() => two.stats().bus?.refused).toBe(forged.length)
    // What a server has said is heard once, however often it is sent again.
    await write(...said, ...said)
    one.publish({ topic: 't', event: 'note', payload: { n: 1 }, private: false })
    await expect.poll(() => notes(bo)).toEqual([{ n: 1 }])
    expect(two.stats().bus).toMatchObject({ refused: forged.length, others: 1, gaps: 0 })
    expect(one.stats().bus).toMatchObject({ others: 1, gaps: 0 })
    expect(heardOf(bo, 'presence_diff').length).toBe(1)
    expect([...heardOf(ana, 'phx_error'), ...heardOf(bo, 'phx_error')]).toEqual([])
    // Once by each server.
    expect(reported).toMatchObject([{ code: 'REALTIME_BUS_UNSIGNED' }, { code: 'REALTIME_BUS_UNSIGNED' }])
  })

  it('brings back neither what a server said that is gone, nor to one that starts a minute later', async () => {
    const hub = createMemoryBusHub()
    const clock = createManualClock(Date.now())
    const { captured, write } = await stranger(hub)
    const [one, two] = [await serve(hub, { clock }), await serve(hub, { clock })]
    const bo = await joined(two, 'bo')
    one.publish({ topic: 't', event: 'note', payload: { n: 1 }, private: false })
    await expect.poll(() => notes(bo)).toEqual([{ n: 1 }])
    const closing = one.close()
    await clock.advance(1000)
    await closing
    for (let second = 0; second < 20; second++) await clock.advance(1000)
    expect(two.stats().bus?.others).toBe(0)
    const ofOne = captured.filter((text) => text.includes('"n\\":1') || text.includes('bye'))
    expect(ofOne.length).toBe(2)
    await write(...ofOne)
    expect(two.stats().bus).toMatchObject({ others: 0, refused: 0 })
    for (let second = 0; second < 61; second++) await clock.advance(1000)
    const late = await serve(hub, { clock })
    const cy = await joined(late, 'cy')
    await write(...ofOne)
    expect(late.stats().bus).toMatchObject({ refused: 2, gaps: 0 })
    expect(notes(cy)).toEqual([])
    expect(notes(bo)).toEqual([{ n: 1 }])
    expect(reported).toMatchObject([{ code: 'REALTIME_BUS_LATE' }, { code: 'REALTIME_BUS_LATE' }])
  })
})

describe('while the secret changes', () => {
  it('servers of both secrets hear each other, where each names the other', async () => {
    const hub = createMemoryBusHub()
    const before = await serve(hub, { busSecrets: [otherSecret] })
    const after = await serve(hub, { jwtSecret: otherSecret, busSecrets: [jwtSecret] })
    const [ana, bo] = [await joined(before, 'ana'), await joined(after, 'bo', otherSecret)]
    before.publish({ topic: 't', event: 'note', payload: { n: 1 }, private: false })
    after.publish({ topic: 't', event: 'note', payload: { n: 2 }, private: false })
    for (const socket of [ana, bo]) await expect.poll(() => notes(socket).length).toBe(2)
    expect(reported).toEqual([])
  })

  it('a list with anything but secrets in it is refused at once', async () => {
    for (const busSecrets of ['text', ['short'], [undefined]] as never[]) {
      await expect(serve(createMemoryBusHub(), { busSecrets })).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:OPTION_INVALID|JWT_SECRET_INVALID)$/),
      })
    }
  })
})

describe('a process without a server', () => {
  const publish = async (hub: MemoryBusHub, options?: { jwtSecret: string }): Promise<void> => {
    // As in a process of its own.
    hubs().clear()
    const client = createRealtime({ driver: embedded({ bus: memoryBus(hub, options) }), getToken: () => undefined })
    try {
      await client.publish('t', 'note', { n: 1 })
    } finally {
      await client.close()
    }
  }

  it('publishes nothing without the secret, and is told so', async () => {
    const hub = createMemoryBusHub()
    await expect(publish(hub)).rejects.toMatchObject({ code: 'REALTIME_BUS_SECRET_MISSING' })
    expect(() => memoryBus(hub, { jwtSecret: 'short' })).toThrow(
      expect.objectContaining({ code: 'JWT_SECRET_INVALID' }),
    )
  })

  it('with another secret is heard by nobody, and the servers say why', async () => {
    const hub = createMemoryBusHub()
    const server = await serve(hub)
    const ana = await joined(server, 'ana')
    await publish(hub, { jwtSecret: otherSecret })
    await expect.poll(() => reported).toMatchObject([{ code: 'REALTIME_BUS_UNSIGNED' }])
    await publish(hub, { jwtSecret })
    await expect.poll(() => notes(ana)).toMatchObject([{ n: 1 }])
  })
})
