import { expect, it, vi } from 'vitest'
import { broadcast } from './broadcast.ts'
import type { Connection } from '../entrance/connection.ts'
import { createRooms, type Membership, type Rooms } from './rooms.ts'

function room(count: number, onSend: (member: number, text: string) => void): Rooms {
  const rooms = createRooms()
  for (let index = 0; index < count; index++) {
    const connection: Connection = {
      version: '2.0.0',
      place: { freeTopics() {} } as never,
      claims: {} as never,
      gone: false,
      memberships: new Map(),
      send: (frame) => onSend(index, frame.event),
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
  payload: { n },
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
  await vi.waitUntil(() => total === 3000)
  expect(heard.size).toBe(1000)
  for (const numbers of heard.values()) expect(numbers).toEqual([1, 2, 3])
  await vi.waitUntil(() => rooms.sending.size === 0)
  vi.restoreAllMocks()
})

it('sends everybody away from a room that can not follow, so that they fetch what they missed', async () => {
  let now = 0
  vi.spyOn(performance, 'now').mockImplementation(() => now)
  const closed = new Set<number>()
  const rooms = room(100, (member, text) => {
    now += 1
    if (text === 'phx_close') closed.add(member)
  })
  for (let n = 0; n <= 1000; n++) broadcast(rooms, message(n))
  expect(closed.size).toBe(0)
  broadcast(rooms, message(1001))
  expect(closed.size).toBe(100)
  expect(rooms.size).toBe(0)
  await vi.waitUntil(() => rooms.sending.size === 0)
  vi.restoreAllMocks()
})
