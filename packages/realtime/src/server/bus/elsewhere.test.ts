import { afterEach, expect, it } from 'vitest'
import { createMemoryBusHub, memoryBus } from '../../bus/index.ts'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type StandaloneServer } from '../index.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const ROOM = 'realtime:room:1'
const servers: StandaloneServer[] = []
const sockets: RawSocket[] = []
afterEach(async () => {
  for (const { socket } of sockets.splice(0)) socket.terminate()
  for (const server of servers.splice(0)) await server.close()
})

async function join(server: StandaloneServer, sub: string): Promise<RawSocket> {
  const socket = await openRaw(server.url, await signTestToken(jwtSecret, { sub }))
  sockets.push(socket)
  await socket.ask(ROOM, 'phx_join', { config: { presence: { enabled: true, key: sub } } })
  return socket
}
const track = (socket: RawSocket): Promise<unknown> =>
  socket.ask(ROOM, 'presence', { type: 'presence', event: 'track', payload: {} })
const heardOf = ({ heard }: RawSocket, told: string): string =>
  JSON.stringify(heard.flatMap(([, event, payload]) => (event === told ? [payload] : [])))

it('nobody is seen to go who was told to come back, on a server that was there or on one that starts meanwhile', async () => {
  const hub = createMemoryBusHub()
  const serve = async (): Promise<StandaloneServer> => {
    const server = await startRealtimeServer({ jwtSecret, authorize: () => true, bus: memoryBus(hub) })
    servers.push(server)
    await server.ready
    await expect
      .poll(() => servers.map((each) => each.stats().bus?.others))
      .toEqual(servers.map(() => servers.length - 1))
    return server
  }
  const [one, two] = [await serve(), await serve()]
  const [ana, bo] = [await join(one, 'ana'), await join(two, 'bo')]
  await track(ana)
  await expect.poll(() => heardOf(bo, 'presence_diff')).toContain('"ana"')
  const drained = one.drain({ overMs: 0 })
  expect(await ana.ended).toEqual([1012, 'Service restart; spread=0'])
  // It asks the others for all that they have, which all of them hear.
  const three = await serve()
  await expect.poll(async () => heardOf(await join(three, 'cy'), 'presence_state')).toContain('"ana"')
  const before = bo.heard.length
  await track(await join(two, 'ana'))
  await expect.poll(() => bo.heard.length).toBeGreaterThan(before)
  await drained
  expect(
    bo.heard
      .slice(0, before + 1)
      .some(([, , payload]) => Object.hasOwn((payload as { leaves?: object }).leaves ?? {}, 'ana')),
  ).toBe(false)
  // The one of before goes when she is there again.
  await expect.poll(() => JSON.stringify(bo.heard.at(-1)?.[2])).toContain('"leaves":{"ana"')
}, 20_000)
