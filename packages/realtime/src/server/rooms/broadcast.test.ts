import { expect, it, vi } from 'vitest'
import { createRuntime } from '../runtime.ts'
import { broadcast, broadcastFeed, broadcastKept, hasRoomFor, pend } from './broadcast.ts'
import type { Connection } from '../entrance/connection.ts'
import { createRooms, type Membership, type Rooms } from './rooms.ts'

function room(count: number, onSend: (member: number, text: string) => void, runtime = createRuntime()): Rooms {
  const rooms = createRooms(runtime)
  for (let index = 0; index < count; index++) {
    const connection: Connection = {
      version: '2.0.0',
      transport: 'websocket',
      place: { freeTopics() {} } as never,
      claims: {} as never,
      gone: false,
      ending: false,
      memberships: new Map(),
      send: (frame) => onSend(index, frame.event),
      sendText: (frame) => onSend(index, frame.event),
      sendRaw: (text) => onSend(index, String(text)),
      end() {},
      terminate() {},
    }
    const membership: Membership = {
      connection,
      joinRef: '1',
      topic: 'all',
      private: false,
      self: false,
      ack: false,
      presence: { enabled: false, key: `k${index}` },
      changes: [],
      claims: connection.claims,
    }
    connection.memberships.set('realtime:all', membership)
    rooms.add(membership)
  }
  return rooms
}
const message = (n: number): Parameters<typeof broadcast>[1] => ({
  topic: 'all',
  event: 'note',
  payload: JSON.stringify({ n }),
  private: false,
})

it('lets others have their turn within a large room, and keeps the order of its messages', async () => {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const heard = new Map<number, number[]>()
  let total = 0
  const rooms = room(1000, (member, text) => {
    // A twentieth of a millisecond each.
    now += 0.05
    total += 1
    const n = Number(/"n":(\d+)/.exec(text)?.[1])
    heard.set(member, [...(heard.get(member) ?? []), n])
  })
  broadcast(rooms, message(1))
  expect(total).toBeLessThan(200)
  broadcast(rooms, message(2))
  broadcast(rooms, message(3))
  await vi.waitUntil(() => total === 3000, { timeout: 10_000 })
  expect(heard.size).toBe(1000)
  for (const numbers of heard.values()) expect(numbers).toEqual([1, 2, 3])
  await vi.waitUntil(() => rooms.sending.size === 0, { timeout: 10_000 })
  vi.restoreAllMocks()
})

/** A room whose members take a millisecond each, and what each of them was sent. */
function slowRoom(count = 100): { rooms: Rooms; heard: Map<number, string[]> } {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const heard = new Map<number, string[]>()
  const rooms = room(count, (member, text) => {
    now += 1
    heard.set(member, [...(heard.get(member) ?? []), text])
  })
  return { rooms, heard }
}
const sent = async (rooms: Rooms): Promise<void> => {
  await vi.waitUntil(() => rooms.sending.size === 0, { timeout: 10_000 })
  vi.restoreAllMocks()
}

it('refuses what a room has no room for, and sends nobody away', async () => {
  const { rooms, heard } = slowRoom()
  for (let n = 0; n <= 1000; n++) {
    expect(hasRoomFor(rooms, [message(n)])).toBe(true)
    broadcast(rooms, message(n))
  }
  expect(hasRoomFor(rooms, [message(1001)])).toBe(false)
  // Another room is not concerned.
  expect(hasRoomFor(rooms, [{ ...message(1), topic: 'other' }])).toBe(true)
  await sent(rooms)
  expect([...heard.values()].map(({ length }) => length)).toEqual(Array(100).fill(1001))
  expect(rooms.size).toBe(1)
  expect(rooms.waitingBytes).toBe(0)
})

it('bounds what waits in bytes, and takes all messages of a request or none', async () => {
  const { rooms } = slowRoom()
  const large = { ...message(0), payload: JSON.stringify('x'.repeat(3 * 1024 * 1024)) }
  broadcast(rooms, large)
  broadcast(rooms, large)
  broadcast(rooms, large)
  expect(hasRoomFor(rooms, [message(1), message(2)])).toBe(true)
  expect(hasRoomFor(rooms, [message(1), large])).toBe(false)
  await sent(rooms)
  // A room in which nothing waits takes a request whole, whatever it has.
  expect(
    hasRoomFor(
      rooms,
      Array.from({ length: 5000 }, () => large),
    ),
  ).toBe(true)
})

it('tells the members of a feed that can not follow to fetch, once, and keeps what is not the feed', async () => {
  const { rooms, heard } = slowRoom()
  broadcast(rooms, message(1))
  broadcast(rooms, message(2))
  for (let n = 0; n < 1500; n++) broadcastFeed(rooms, { ...message(n), event: 'INSERT' })
  expect(rooms.runtime.counters.refused).toEqual({ FEED_REPLACED: 1500 })
  await sent(rooms)
  for (const texts of heard.values()) {
    expect(texts.map((text) => JSON.parse(text)[4].event)).toEqual(['note', 'note', 'more'])
    expect(texts.at(-1)).toContain('"payload":{"_msc":{"more":true}}')
  }
  // When the room follows again, so does the feed.
  broadcastFeed(rooms, { ...message(7), event: 'INSERT' })
  await sent(rooms)
  expect(heard.get(99)?.at(-1)).toContain('{"n":7}')
})

it('costs a member whose connection throws its own line, and nobody else a message', async () => {
  const heard: number[] = []
  const told: unknown[] = []
  const runtime = createRuntime(undefined, (error) => void told.push(error))
  const rooms = room(
    50,
    (member) => {
      if (member === 3) throw new RangeError('too deep')
      heard.push(member)
    },
    runtime,
  )
  const ended = vi.fn()
  for (const { connection } of rooms.members('all', false)) {
    connection.terminate = () => {
      ended()
      throw new Error('even that')
    }
  }
  broadcast(rooms, message(1))
  await sent(rooms)
  expect(heard).toEqual(Array.from({ length: 50 }, (_, index) => index).filter((index) => index !== 3))
  expect(ended).toHaveBeenCalledOnce()
  expect(told).toEqual([new RangeError('too deep'), new Error('even that')])
})

it('goes on with what waits behind a message that can not be said', async () => {
  const { rooms, heard } = slowRoom(30)
  const told: unknown[] = []
  vi.spyOn(rooms.runtime, 'report').mockImplementation((error) => void told.push(error))
  const bytes = new Uint8Array([1])
  broadcast(rooms, message(1))
  expect(() => broadcast(rooms, { ...message(2), event: 'e'.repeat(300), payload: bytes })).not.toThrow()
  broadcast(rooms, message(3))
  await sent(rooms)
  expect(heard.get(29)?.map((text) => JSON.parse(text)[4].payload.n)).toEqual([1, 3])
})

it('counts what is still being written, so that a room is told all that was acknowledged', () => {
  vi.spyOn(performance, 'now').mockReturnValue(0)
  const rooms = room(1, () => undefined)
  expect(hasRoomFor(rooms, [message(1)])).toBe(true)
  const written = Array.from({ length: 1000 }, (_, n) => pend(rooms, [message(n)]))
  expect(hasRoomFor(rooms, [message(1)])).toBe(false)
  // What was taken before is told all the same, though as much is pending.
  expect(broadcastKept(rooms, message(0))).toBe(true)
  for (const end of written) end()
  expect(rooms.pending.size).toBe(0)
  expect(hasRoomFor(rooms, [message(1)])).toBe(true)
})

it('says so when a room can not take a message that is kept, and replaces none of those that wait', () => {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1))
  const rooms = room(1000, () => undefined)
  broadcast(rooms, message(1))
  for (let n = 0; n < 1000; n++) expect(broadcastKept(rooms, message(n))).toBe(true)
  expect(broadcastKept(rooms, message(1001))).toBe(false)
  expect([...rooms.sending.values()][0]?.waiting).toHaveLength(1000)
})
