import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import type { Connection } from '../entrance/connection.ts'
import { createRooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import { createGaps } from './gaps.ts'

it('tells all who follow a history before anything else can be told, and the others in turns', async () => {
  const clock = createManualClock()
  const rooms = createRooms(createRuntime(clock))
  const told = { followers: 0, others: 0 }
  for (let n = 0; n < 1000; n++) {
    const followsHistory = n % 2 === 0
    const send = (): void => void (told[followsHistory ? 'followers' : 'others'] += 1)
    rooms.add({
      connection: { version: '2.0.0', send } as unknown as Connection,
      joinRef: '1',
      topic: 'room',
      private: false,
      self: false,
      ack: false,
      presence: { enabled: false, key: '' },
      changes: [],
      claims: { role: 'anon', exp: Infinity },
      followsHistory,
    })
  }
  let inFirstTurn: object | undefined
  // Runs before what the first turn leaves for the next one.
  const onTell = (): void => void setImmediate(() => (inFirstTurn = { ...told }))
  const gaps = createGaps(rooms, () => false, onTell)
  gaps.everywhere()
  await clock.advance(0)
  await expect.poll(() => told).toEqual({ followers: 500, others: 500 })
  expect(inFirstTurn).toEqual({ followers: 500, others: 200 })
  expect(gaps.told).toBe(1)
  gaps.close()
})
