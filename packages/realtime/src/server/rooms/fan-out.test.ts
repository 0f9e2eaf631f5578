import { expect, it, vi } from 'vitest'
import type { Connection } from '../entrance/connection.ts'
import { createRuntime } from '../runtime.ts'
import { sendToRoom } from './fan-out.ts'
import { closeMembership } from './membership.ts'
import { createRooms, type Membership } from './rooms.ts'

it('a member hears nothing of a topic behind being told that it is out, however large the room is', async () => {
  let now = 0
  const clock = { ...createRuntime().clock, monotonic: () => now }
  const rooms = createRooms(createRuntime(clock))
  const heard = new Map<Connection, string[]>()
  const members = Array.from({ length: 100 }, (): Membership => {
    const tell = (text: string): void => {
      now += 1
      heard.set(connection, [...(heard.get(connection) ?? []), text])
    }
    const connection = {
      version: '2.0.0',
      transport: 'websocket',
      memberships: new Map(),
      place: { freeTopics: () => undefined },
      send: ({ event }: { event: string }) => tell(event),
      sendRaw: tell,
    } as unknown as Connection
    const membership: Membership = {
      connection,
      joinRef: '1',
      topic: 'all',
      private: false,
      self: false,
      ack: false,
      presence: { enabled: false, key: '' },
      changes: [],
      claims: { role: 'authenticated', exp: 0 },
    }
    connection.memberships.set('realtime:all', membership)
    rooms.add(membership)
    return membership
  })
  const dataFor = (): string => 'note'
  sendToRoom(rooms, { topic: 'all', private: false, bytes: 4, kind: 'message', dataFor, isFor: () => true })
  expect(heard.size).toBeLessThan(100)
  const [first, last] = [members[0], members.at(-1)] as [Membership, Membership]
  for (const member of [first, last]) closeMembership(member, 'Out', rooms)
  await vi.waitUntil(() => rooms.sending.size === 0)
  expect(heard.get(first.connection)).toEqual(['note', 'system', 'phx_close'])
  expect(heard.get(last.connection)).toEqual(['system', 'phx_close'])
  expect(members.slice(1, -1).map(({ connection }) => heard.get(connection))).toEqual(
    Array.from({ length: 98 }, () => ['note']),
  )
})
