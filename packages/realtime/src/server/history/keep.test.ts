import { createManualClock } from '@msc/core/testing'
import { expect, it } from 'vitest'
import { createRooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import { createHistory } from './history.ts'
import { createMemoryStore } from './memory-store.ts'
import { keepingBy } from './rules.ts'
import type { HistoryStore } from './store.ts'

it('has a gap of what is older than its rule, where the store keeps it longer', async () => {
  const clock = createManualClock(Date.now())
  const rooms = createRooms(createRuntime(clock))
  const meta = (minutes: number): { id: string; at: string; cursor: string } => ({
    id: `f${minutes}`,
    at: new Date(clock.now() - minutes * 60_000).toISOString(),
    cursor: 'c',
  })
  const store: HistoryStore = {
    ...createMemoryStore({ clock, report: () => undefined }),
    since: async () => ({
      events: [61, 59].map((minutes) => ({ event: 'e', json: '{}', meta: meta(minutes) })),
      cursor: 'now',
      gap: false,
      more: false,
    }),
  }
  const history = createHistory(keepingBy([{ topics: 'room', keep: '1h' }]), store, rooms, true)
  expect(await history.since('room', false, 'c')).toMatchObject({
    gap: true,
    cursor: 'now',
    events: [{ meta: { id: 'f59' } }],
  })
  history.close()
})
