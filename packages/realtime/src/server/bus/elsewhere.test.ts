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

it.each([
  ['in members', { presencePerRoom: 3 }, {}],
  ['in bytes', { presenceRoomBytes: 3300 }, { about: 'x'.repeat(1000) }],
])(
  'a room that is full %s takes back whoever is told to come back, in the place of before',
  async (_how, limits, state) => {
    const hub = createMemoryBusHub()
    const serve = async (): Promise<StandaloneServer> => {
      const server = await startRealtimeServer({ jwtSecret, authorize: () => true, bus: memoryBus(hub), limits })
      servers.push(server)
      await server.ready
      return server
    }
    const [one, two, three] = [await serve(), await serve(), await serve()]
    const trackIn = (socket: RawSocket): Promise<unknown> =>
      socket.ask(ROOM, 'presence', { type: 'presence', event: 'track', payload: state })
    const watchers = [await join(two, 'watcher'), await join(three, 'watcher')]
    const subs = ['ana', 'bo', 'cy']
    const before = await Promise.all(subs.map((sub) => join(one, sub)))
    for (const socket of before) expect(await trackIn(socket)).toMatchObject({ status: 'ok' })
    for (const watcher of watchers)
      await expect.poll(() => subs.every((sub) => heardOf(watcher, 'presence_diff').includes(`"${sub}"`))).toBe(true)
    const drained = one.drain({ overMs: 0 })
    await Promise.all(before.map(({ ended }) => ended))
    // Of somebody else nothing lingers, so there is no room.
    const stranger = await join(two, 'dan')
    expect(await trackIn(stranger)).toMatchObject({ status: 'error', msc: { code: 'ROOM_BUSY' } })
    const back = [await join(two, 'ana'), await join(three, 'bo'), await join(two, 'cy')]
    for (const socket of back) expect(await trackIn(socket)).toMatchObject({ status: 'ok' })
    // One takes the place of one.
    expect(await trackIn(await join(two, 'ana'))).toMatchObject({ status: 'error', msc: { code: 'ROOM_BUSY' } })
    for (const server of [two, three]) {
      const eve = await join(server, 'eve')
      await expect.poll(() => heardOf(eve, 'presence_state')).toContain('"ana"')
      const [now = {}] = JSON.parse(heardOf(eve, 'presence_state')) as Record<string, { metas: object[] }>[]
      const counts = Object.entries(now).map(([sub, { metas }]) => [sub, metas.length])
      expect(counts.toSorted()).toEqual(subs.map((sub) => [sub, 1]))
    }
    // In no diff somebody goes who is not there again already.
    for (const { heard } of watchers) {
      const refs = new Map<string, Set<string>>()
      for (const [, event, payload] of heard) {
        if (event !== 'presence_diff') continue
        const { joins, leaves } = payload as Record<
          'joins' | 'leaves',
          Record<string, { metas: { phx_ref: string }[] }>
        >
        for (const [key, { metas }] of Object.entries(joins)) {
          const own = refs.get(key) ?? new Set()
          for (const meta of metas) own.add(meta.phx_ref)
          refs.set(key, own)
        }
        for (const [key, { metas }] of Object.entries(leaves))
          for (const meta of metas) refs.get(key)?.delete(meta.phx_ref)
        expect([...refs.values()].every((own) => own.size > 0)).toBe(true)
      }
    }
    await drained
  },
  20_000,
)
