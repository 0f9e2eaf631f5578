import { systemClock } from '@msc/core'
import { afterEach, describe, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus, type MemoryBus, type MemoryBusHub } from '../../bus/index.ts'
import { deferred } from '../../base/promises.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type RealtimeServerOptions, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
})
async function serve(bus: MemoryBus, options: Partial<RealtimeServerOptions> = {}): Promise<StandaloneServer> {
  const given = { jwtSecret, authorize: () => true, onError: () => undefined, ...options }
  const server = await startRealtimeServer({ ...given, bus })
  servers.push(server)
  await server.ready
  return server
}
async function joined(server: StandaloneServer, sub: string): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }))
  sockets.push(socket)
  await socket.ask('realtime:t', 'phx_join', { config: {} })
  return socket
}
/** A bus that does not bring what a test holds back. */
function losing(hub: MemoryBusHub, isLost: (text: string) => boolean): MemoryBus {
  const bus = memoryBus(hub)
  return {
    ...bus,
    start: (handlers) =>
      bus.start({ ...handlers, onMessage: (text) => (isLost(text) ? undefined : handlers.onMessage(text)) }),
  }
}
const wasClosed = ({ heard }: RawSocket): boolean => heard.some(([, event]) => event === 'phx_close')

describe('who comes before it is heard that they are barred', () => {
  /** Two servers, the second of which hears nothing until `hear` is called. */
  async function cutOff(options: Partial<RealtimeServerOptions> = {}) {
    const hub = createMemoryBusHub()
    let isLosing = false
    let lost = 0
    const isLost = (): boolean => {
      if (isLosing) lost += 1
      return isLosing
    }
    const [one, two] = [await serve(memoryBus(hub)), await serve(losing(hub, isLost), options)]
    await expect.poll(() => [one, two].map((server) => server.stats().bus?.others)).toEqual([1, 1])
    isLosing = true
    return {
      one,
      two,
      /** Once what was said is lost, which is said again when something comes. */
      async hear() {
        await expect.poll(() => lost).toBeGreaterThan(0)
        isLosing = false
        one.publish({ topic: 'u', event: 'e', payload: {}, private: false })
      },
    }
  }
  const statusOf = async (server: StandaloneServer, token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` }
    const body = JSON.stringify({ messages: [{ topic: 'u', event: 'e', payload: {} }] })
    return (await fetch(`${server.url}/realtime/v1/api/broadcast`, { method: 'POST', body, headers })).status
  }

  it.each([[60_000], [Infinity]])(
    'is sent out of a topic that they may not be in for %s ms, and nobody else is',
    async (forMs) => {
      const { one, two, hear } = await cutOff()
      one.kick({ topic: 't', sub: 'ana', forMs })
      const [ana, bo] = [await joined(two, 'ana'), await joined(two, 'bo')]
      await hear()
      await expect.poll(() => wasClosed(ana)).toBe(true)
      expect(await ana.ask('realtime:t', 'phx_join', { config: {} })).toMatchObject({ msc: { code: 'FORBIDDEN' } })
      expect(await ana.ask('realtime:v', 'phx_join', { config: {} })).toMatchObject({ status: 'ok' })
      expect(await bo.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
      expect(wasClosed(bo)).toBe(false)
    },
  )

  it('stays who has come back after it ended, and those whom it did not mean', async () => {
    const { one, two, hear } = await cutOff()
    one.kick({ topic: 't', sub: 'ana', forMs: 50 })
    const ended = performance.now() + 50
    await expect.poll(() => performance.now()).toBeGreaterThan(ended)
    const ana = await joined(two, 'ana')
    await hear()
    const bo = await joined(two, 'bo')
    one.kick({ topic: 't', sub: 'bo' })
    // What is said behind it has been heard.
    await expect.poll(() => wasClosed(bo)).toBe(true)
    expect(wasClosed(ana)).toBe(false)
  })

  it('is refused whose token was taken back while their policies are asked', async () => {
    const [asked, answer] = [deferred<void>(), deferred<boolean>()]
    const { one, two, hear } = await cutOff({
      authorize() {
        asked.resolve()
        return answer.promise
      },
    })
    const token = await signTestToken(jwtSecret, { sub: 'ana' })
    one.revoke({ sub: 'ana' })
    const headers = { authorization: `Bearer ${token}` }
    const stream = fetch(`${two.url}/realtime/v1/events?topic=t&private=true`, { headers })
    await asked.promise
    await hear()
    await expect.poll(() => statusOf(two, token)).toBe(401)
    answer.resolve(true)
    expect((await stream).status).toBe(401)
    expect(two.stats().connections).toBe(0)
  })

  it('is refused who was disconnected while their session is looked at', async () => {
    const [asked, answer] = [deferred<void>(), deferred<boolean>()]
    const { one, two, hear } = await cutOff({
      isLive({ sub }) {
        if (sub !== 'ana') return true
        asked.resolve()
        return answer.promise
      },
    })
    const arriving = joined(two, 'ana').catch((error: Error) => error.message)
    const bo = await joined(two, 'bo')
    await asked.promise
    for (const sub of ['ana', 'bo']) one.disconnect({ sub })
    await hear()
    expect(await bo.ended).toEqual([1008, 'Disconnected'])
    answer.resolve(true)
    expect(await arriving).toContain('401')
  })
})

describe('whom another server has ended', () => {
  it('is ended by a server that did not hear it, once it hears again; who has come since stays', async () => {
    const hub = createMemoryBusHub()
    let lost = 0
    let isLosing = false
    const isLost = (text: string): boolean => {
      if (isLosing && text.includes('"kind":"end"')) lost += 1
      return isLosing
    }
    const [one, two] = [await serve(memoryBus(hub)), await serve(losing(hub, isLost))]
    await expect.poll(() => [one, two].map((server) => server.stats().bus?.others)).toEqual([1, 1])
    const [ana, bo] = [await joined(two, 'ana'), await joined(two, 'bo')]
    // The clock of times since the epoch has whole milliseconds.
    const at = Date.now()
    await expect.poll(() => Date.now()).toBeGreaterThan(at)
    isLosing = true
    one.kick({ topic: 't', sub: 'ana' }, 'Behave')
    one.disconnect({ sub: 'bo' }, 'Signed out')
    await expect.poll(() => lost).toBeGreaterThan(0)
    const said = Date.now()
    await expect.poll(() => Date.now()).toBeGreaterThan(said + 1)
    const [again, back] = [await joined(two, 'ana'), await joined(two, 'bo')]
    expect([wasClosed(ana), two.stats().connections]).toEqual([false, 4])
    isLosing = false
    one.publish({ topic: 't', event: 'e', payload: {}, private: false })
    expect(await bo.ended).toEqual([1008, 'Signed out'])
    await expect.poll(() => wasClosed(ana)).toBe(true)
    expect(await back.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
    expect(wasClosed(again)).toBe(false)
    // A server that starts has nobody who was there then.
    const three = await serve(memoryBus(hub))
    const cy = await joined(three, 'bo')
    await expect.poll(() => three.stats().bus?.others).toBe(2)
    expect(await cy.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
  })

  it.each([
    ['back', -300_000],
    ['forward', 300_000],
  ])('is ended, and nobody who came later, where a clock was set %s meanwhile', async (_how, ms) => {
    const hub = createMemoryBusHub()
    let isLosing = false
    // A clock that was wrong until the bus was there again.
    let wrongBy = 0
    const one = await serve(memoryBus(hub))
    const two = await serve(
      losing(hub, () => isLosing),
      { clock: { ...systemClock, now: () => Date.now() - wrongBy } },
    )
    await expect.poll(() => [one, two].map((server) => server.stats().bus?.others)).toEqual([1, 1])
    wrongBy = ms
    const [ana, bo] = [await joined(two, 'ana'), await joined(two, 'bo')]
    isLosing = true
    one.kick({ topic: 't', sub: 'ana' }, 'Behave')
    one.disconnect({ sub: 'bo' }, 'Signed out')
    const [again, back] = [await joined(two, 'ana'), await joined(two, 'bo')]
    wrongBy = 0
    isLosing = false
    one.publish({ topic: 't', event: 'e', payload: {}, private: false })
    expect(await bo.ended).toEqual([1008, 'Signed out'])
    await expect.poll(() => wasClosed(ana)).toBe(true)
    expect(await back.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
    expect(wasClosed(again)).toBe(false)
  })

  it.each([
    ['behind', -150_000],
    ['ahead', 150_000],
  ])('is out by revoke where a clock is so far %s that nothing else is believed', async (_how, ms) => {
    const hub = createMemoryBusHub()
    const [one, two] = [
      await serve(memoryBus(hub)),
      await serve(memoryBus(hub), { clock: { ...systemClock, now: () => Date.now() + ms } }),
    ]
    const [ana, bo] = [await joined(two, 'ana'), await joined(two, 'bo')]
    one.disconnect({ sub: 'bo' })
    one.revoke({ sub: 'ana' })
    expect(await ana.ended).toEqual([1008, 'Revoked'])
    await expect(joined(two, 'ana')).rejects.toThrow('401')
    expect(await bo.ask('phoenix', 'heartbeat')).toMatchObject({ status: 'ok' })
    expect(two.stats().bus?.refused).toBeGreaterThan(0)
  })
})
