import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openRaw, type RawSocket } from '../../testing/raw-socket.ts'
import { signTestToken } from '../../testing/tokens.ts'
import { startRealtimeServer, type FollowedMessage, type StandaloneServer } from '../index.ts'
import { RoomMembers } from '../rooms/room-members.ts'
import { createRooms, type Membership, type Rooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import { createInspection } from './inspect.ts'

const jwtSecret = 'a-secret-for-tests-that-is-long-enough-0123'
const SESSION = '0b8f2c1e-7a57-4c1d-9a55-3f1f8f0f8f0f'
const reported: string[] = []
let server: StandaloneServer
const sockets: RawSocket[] = []
const streams: AbortController[] = []

beforeEach(async () => {
  reported.length = 0
  server = await startRealtimeServer({
    jwtSecret,
    authorize: ({ topic }) => !topic.startsWith('closed'),
    history: [{ topics: 'kept:*', messages: 10, keep: '1h' }],
    onError: (error) => reported.push(error.message),
  })
})
afterEach(async () => {
  for (const stream of streams.splice(0)) stream.abort()
  for (const { socket } of sockets.splice(0)) socket.terminate()
  await server.close()
})

const tokenOf = (sub?: string): Promise<string> =>
  signTestToken(jwtSecret, { ...(sub !== undefined && { sub, session_id: SESSION }) })
const open = async (sub?: string): Promise<RawSocket> => {
  const socket = await openRaw(server.url, await tokenOf(sub))
  sockets.push(socket)
  return socket
}
const joins = (socket: RawSocket, topic: string, config: object = {}) =>
  socket.ask(`realtime:${topic}`, 'phx_join', { config: { private: true, ...config } })

it('lists the rooms with the most members first, by page and by name, with what is kept of them', async () => {
  for (const sub of ['a', 'b', 'b']) {
    const socket = await open(sub)
    await joins(socket, 'Large', { presence: { enabled: true } })
    await socket.ask('realtime:Large', 'presence', { event: 'track', payload: { n: 1 } })
  }
  const own = await open('c')
  await joins(own, 'kept:one', { broadcast: { ack: true } })
  await joins(own, 'small', { private: false })
  await own.ask('realtime:kept:one', 'broadcast', { event: 'e', payload: {} })

  const { rooms, total, next } = await server.inspect().rooms({ limit: 2 })
  expect({ total, topics: rooms.map(({ topic }) => topic) }).toEqual({ total: 3, topics: ['Large', 'kept:one'] })
  expect(rooms[0]).toMatchObject({ private: true, members: 3, users: 2, present: 3, waitingBytes: 0 })
  expect(rooms[0]).not.toHaveProperty('kept')
  expect(rooms[1]).toMatchObject({ kept: 'history' })
  expect(rooms[1]?.messagesPerSecond).toBeGreaterThan(0)
  const rest = await server.inspect().rooms({ limit: 2, after: next ?? '' })
  expect(rest).toMatchObject({ rooms: [{ topic: 'small', private: false }], total: 3 })
  expect(rest).not.toHaveProperty('next')
  const found = await server.inspect().rooms({ search: 'LARG' })
  expect(found.rooms.map(({ topic }) => topic)).toEqual(['Large'])
})

it('shows who is in a room, how and since when, by page, and what was refused there', async () => {
  const ana = await open('ana')
  await joins(ana, 'lobby', { presence: { enabled: true, key: 'ana:phone' } })
  await ana.ask('realtime:lobby', 'presence', { event: 'track', payload: {} })
  const ending = new AbortController()
  streams.push(ending)
  await fetch(`${server.url}/realtime/v1/events?topic=lobby&private=true`, {
    headers: { authorization: `Bearer ${await tokenOf('ben')}` },
    signal: ending.signal,
  })
  await joins(await open(), 'lobby')
  await ana.ask('realtime:lobby', 'nonsense')
  await ana.ask('realtime:lobby', 'presence', { event: 'nonsense' })

  const from = Date.now() - 10_000
  const { list, next, refusedOfLate, members } = server.inspect().room('lobby', true, { limit: 2 })
  expect(members).toBe(3)
  expect(list).toEqual([
    { sub: 'ana', session: '0b8f2c1e', transport: 'websocket', joinedAt: expect.any(Number), presenceKey: 'ana:phone' },
    { sub: 'ben', session: '0b8f2c1e', transport: 'stream', joinedAt: expect.any(Number) },
  ])
  expect(list[0]?.joinedAt).toBeGreaterThan(from)
  const rest = server.inspect().room('lobby', true, { limit: 2, after: next ?? 0 })
  expect(rest.list).toEqual([{ transport: 'websocket', joinedAt: expect.any(Number) }])
  expect(rest).not.toHaveProperty('next')
  expect(refusedOfLate).toEqual([{ code: 'PAYLOAD_INVALID', count: 2, lastAt: expect.any(Number) }])
  expect(server.inspect().room('nobody', false)).toMatchObject({ members: 0, list: [], refusedOfLate: [] })
})

it('shows no token, no secret and no full session', async () => {
  const token = await tokenOf('ana')
  const ana = await openRaw(server.url, token)
  sockets.push(ana)
  await joins(ana, 'lobby')
  const { totals, rooms, room } = server.inspect()
  const seen = JSON.stringify([totals(), await rooms(), room('lobby', true)])
  expect(seen).toContain('lobby')
  for (const secret of [token, jwtSecret, SESSION, SESSION.slice(9)]) expect(seen).not.toContain(secret)
})

it('follows what is sent to a room, also where nobody is, until it is stopped', async () => {
  const heard: FollowedMessage[] = []
  const stop = server.inspect().follow('lobby', false, (message) => heard.push(message))
  server.publish({ topic: 'lobby', event: 'note', payload: { text: 'ü'.repeat(5000) }, private: false })
  server.publish({ topic: 'lobby', event: 'bytes', payload: new Uint8Array(3), private: false })
  server.publish({ topic: 'lobby', event: 'other room', payload: {}, private: true })
  await vi.waitFor(() => expect(heard).toHaveLength(2), { timeout: 10_000 })
  expect(heard).toMatchObject([
    { event: 'note', bytes: 10_011, isCut: true, dropped: 0 },
    { event: 'bytes', bytes: 3, isCut: false },
  ])
  // Cut where a character ends.
  expect(heard[0]?.text).toBe(`{"text":"${'ü'.repeat(2043)}`)
  expect(heard[1]).not.toHaveProperty('text')
  const socket = await open('ana')
  await joins(socket, 'lobby', { private: false, presence: { enabled: true } })
  await socket.ask('realtime:lobby', 'presence', { event: 'track', payload: { mood: 'calm' } })
  await vi.waitFor(() => expect(heard).toHaveLength(3), { timeout: 10_000 })
  expect(heard[2]?.event).toBe('presence_diff')
  expect(heard[2]?.text).toContain('calm')

  stop()
  stop()
  server.publish({ topic: 'lobby', event: 'unheard', payload: {}, private: false })
  await new Promise((resolve) => setImmediate(resolve))
  expect(heard).toHaveLength(3)
})

it('hands a follower fifty messages in a second, and says how many it left out', async () => {
  const heard: FollowedMessage[] = []
  server.inspect().follow('lobby', false, (message) => heard.push(message))
  const say = (event: string): void => void server.publish({ topic: 'lobby', event, payload: {}, private: false })
  for (let n = 0; n < 500; n++) say('flood')
  await vi.waitFor(() => expect(heard.length).toBeGreaterThanOrEqual(50), { timeout: 10_000 })
  await vi.waitFor(
    () => {
      say('later')
      expect(heard.at(-1)?.event).toBe('later')
    },
    { timeout: 5000, interval: 100 },
  )
  const dropped = heard.reduce((sum, message) => sum + message.dropped, 0)
  expect(heard.filter(({ event }) => event === 'flood').length + dropped).toBeGreaterThanOrEqual(500)
  expect(heard.length).toBeLessThan(200)
})

it('reports what a follower throws, rejects with or publishes to the room that it follows, and goes on', async () => {
  const { follow } = server.inspect()
  const heard: string[] = []
  follow('lobby', false, () => {
    throw new Error('thrown')
  })
  follow('lobby', false, () => Promise.reject(new Error('rejected')))
  let echoes = 0
  follow('lobby', false, ({ event }) => {
    if ((echoes += 1) < 5) server.publish({ topic: 'lobby', event: `${event}!`, payload: {}, private: false })
  })
  follow('lobby', false, ({ event }) => heard.push(event))
  server.publish({ topic: 'lobby', event: 'note', payload: {}, private: false })
  await vi.waitFor(() => expect(heard).toContain('note!!!!'), { timeout: 10_000 })
  expect(reported).toContain('thrown')
  expect(reported).toContain('rejected')
})

it('lets so many rooms be followed and no more, nor after the server was closed', async () => {
  const { follow } = server.inspect()
  const stops = Array.from({ length: 50 }, (_, n) => follow(`t${n}`, false, () => undefined))
  const full = { code: 'REALTIME_FOLLOWERS_FULL' }
  expect(() => follow('one more', false, () => undefined)).toThrow(expect.objectContaining(full))
  stops[0]?.()
  follow('one more', false, () => undefined)
  await server.close()
  for (const stop of stops) stop()
  expect(() => follow('too late', false, () => undefined)).toThrow(expect.objectContaining(full))
})

it('holds a page of a full server, and gives way while it looks for it', async () => {
  const rooms: Rooms = createRooms(createRuntime())
  const connection = { transport: 'websocket' } as never
  for (let n = 0; n < 50_000; n++) {
    const claims = { sub: `u${n}`, role: 'authenticated', exp: 1 }
    for (let copy = 0; copy <= n % 3; copy++) {
      rooms.add({ connection, topic: `t${n}`, private: true, changes: [], claims } as unknown as Membership)
    }
  }
  const { rooms: list } = createInspection({ rooms, hasFeeds: false, history: undefined, totals: vi.fn() })
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  const page = await list({ limit: 1000 })
  isOver = true
  expect(page.rooms).toHaveLength(200)
  expect(page.rooms.every(({ members }) => members === 3)).toBe(true)
  expect(page.total).toBe(50_000)
  expect(turns).toBeGreaterThan(1)
})

it('counts a room’s messages of late, and forgets them with time', () => {
  const room = new RoomMembers('t', true)
  for (let n = 0; n < 30; n++) room.countMessage(0)
  const window = { number: 0, startedAt: 0, beforeMs: 0 }
  expect(room.perSecond(window, 10_000)).toBe(3)
  expect(room.perSecond({ number: 1, startedAt: 10_000, beforeMs: 10_000 }, 15_000)).toBe(2)
  expect(room.perSecond({ number: 2, startedAt: 20_000, beforeMs: 10_000 }, 21_000)).toBe(0)
})
