import { createManualClock, type ManualClock } from '@msc/core/testing'
import { beforeEach, expect, it } from 'vitest'
import type { FeedMessage } from '../../feed/message.ts'
import type { Departures } from '../admission/departures.ts'
import type { Connection } from '../entrance/connection.ts'
import type { History } from '../history/history.ts'
import { publishFeed } from '../publish.ts'
import { createRooms, type Membership, type Rooms } from '../rooms/rooms.ts'
import { createRuntime } from '../runtime.ts'
import { createGaps } from './gaps.ts'

let clock: ManualClock
let rooms: Rooms
beforeEach(() => {
  clock = createManualClock()
  rooms = createRooms(createRuntime(clock))
})

/** A member of the one room. `hear` is told the event of each frame that it gets. */
function add(followsHistory: boolean, hear: (event: string, own: Membership) => void): void {
  const own: Membership = {
    connection: {
      version: '2.0.0',
      send: ({ event }: { readonly event: string }) => hear(event, own),
      sendRaw: () => hear('broadcast', own),
    } as unknown as Connection,
    joinRef: '1',
    topic: 'room',
    private: false,
    self: false,
    ack: false,
    presence: { enabled: false, key: '' },
    changes: [],
    claims: { role: 'anon', exp: Infinity },
    followsHistory,
  }
  rooms.add(own)
}

it.each([
  ['everywhere', (gaps: ReturnType<typeof createGaps>) => gaps.everywhere(), 0],
  ['in one room', (gaps: ReturnType<typeof createGaps>) => gaps.inRoom('room', false), 1000],
])(
  'tells all who follow a history %s before anything else can be told, and the others in turns',
  async (_, miss, ms) => {
    const told = { followers: 0, others: 0 }
    let inFirstTurn: object | undefined
    for (let n = 0; n < 1000; n++) {
      const kind = n % 2 === 0 ? 'followers' : 'others'
      add(kind === 'followers', () => {
        told[kind] += 1
        // Runs before what the first turn leaves for the next one.
        if (told.followers + told.others === 1) setImmediate(() => (inFirstTurn = { ...told }))
      })
    }
    const gaps = createGaps(rooms, () => false)
    miss(gaps)
    await clock.advance(ms)
    await expect.poll(() => told).toEqual({ followers: 500, others: 500 })
    expect(inFirstTurn).toEqual({ followers: 500, others: 200 })
    expect(gaps.told).toBe(1)
    gaps.close()
  },
)

it('tells a busy room once of a message that could not be told, and then what follows live', async () => {
  const MEMBERS = 600
  const told = { gaps: 0, live: 0 }
  const hear = (event: string, own: Membership): void => {
    if (event === 'broadcast') told.live += 1
    if (event !== 'phx_error') return
    told.gaps += 1
    // It joins again and reads the history.
    setImmediate(() => {
      rooms.remove(own)
      add(true, hear)
      // While others come back.
      if (told.gaps % 100 === 0) publish('row')
    })
  }
  for (let n = 0; n < MEMBERS; n++) add(true, hear)
  const gaps = createGaps(rooms, () => false)
  const history = {
    isOfFeeds: true,
    keeps: () => true,
    withSender: (_message: unknown, _id: string, say: () => void) => say(),
  } as unknown as History
  let n = 0
  const publish = (kind: 'row' | 'more'): void => {
    n += 1
    const message = {
      id: `f${n}`,
      at: '',
      cursor: String(n),
      topic: 'room',
      event: 'x',
      json: '{}',
      kind,
      private: false,
    }
    publishFeed({ rooms, departures: {} as Departures, history, gaps }, message as unknown as FeedMessage)
  }
  publish('more')
  for (let ms = 0; ms <= 3000; ms += 100) {
    if (ms === 900) expect(told).toEqual({ gaps: 0, live: 0 })
    publish('row')
    await clock.advance(100)
  }
  expect(told.gaps).toBe(MEMBERS)
  expect(gaps.told).toBe(1)
  const before = told.live
  publish('row')
  await expect.poll(() => told.live).toBe(before + MEMBERS)
  gaps.close()
})
