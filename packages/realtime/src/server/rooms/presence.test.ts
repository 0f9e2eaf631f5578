import fc from 'fast-check'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { applyDiff, fromState, toState, type Presence, type WireDiff, type WireState } from '../../client/presence.ts'
import type { Connection } from '../entrance/connection.ts'
import { leave } from './membership.ts'
import { presenceState, stateText, track, untrack } from './presence.ts'
import { createRooms, type Membership, type Rooms } from './rooms.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

interface Guest {
  readonly member: Membership
  /** What it knows, by what it was told. */
  known: Presence
  frames: number
}

function enter(rooms: Rooms, key: string): Guest {
  const connection: Connection = {
    version: '2.0.0',
    transport: 'websocket',
    place: { freeTopics() {} } as never,
    claims: {} as never,
    gone: false,
    ending: false,
    memberships: new Map(),
    send() {},
    sendText() {},
    sendRaw(text) {
      guest.frames += 1
      const [, , , event, diff] = JSON.parse(String(text)) as [null, null, string, string, WireDiff]
      expect(event).toBe('presence_diff')
      guest.known = applyDiff(guest.known, diff)
    },
    end() {},
    terminate() {},
  }
  const member: Membership = {
    connection,
    joinRef: '1',
    topic: 'lobby',
    private: false,
    self: false,
    ack: false,
    presence: { enabled: true, key },
    changes: [],
    claims: connection.claims,
  }
  const guest: Guest = { member, known: new Map(), frames: 0 }
  rooms.add(member)
  guest.known = fromState(JSON.parse(presenceState(member, rooms)) as WireState)
  return guest
}

it('tells a large room of a thousand that come at once in a few frames each', async () => {
  const rooms = createRooms()
  const guests = Array.from({ length: 1000 }, (_, n) => {
    const guest = enter(rooms, `k${n}`)
    track(guest.member, stateText({ n }), rooms)
    return guest
  })
  await vi.advanceTimersByTimeAsync(2000)
  expect(Math.max(...guests.map(({ frames }) => frames))).toBeLessThan(50)
  for (const { known } of guests) expect(known.size).toBe(1000)
})

it('leaves everybody with the same and the truth, whatever happens and whenever they are told', async () => {
  const step = fc.record({
    who: fc.nat(39),
    what: fc.constantFrom('enter', 'track', 'track', 'untrack', 'leave'),
    waitMs: fc.constantFrom(0, 0, 0, 1, 5),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), fc.constantFrom(0, 30), async (steps, others) => {
      const rooms = createRooms()
      const inside = new Map<number, Guest>()
      const truth = new Map<string, number>()
      // With these it is a large room, where changes are gathered.
      for (let n = 0; n < others; n++) inside.set(100 + n, enter(rooms, `k${100 + n}`))
      for (const [n, { who, what, waitMs }] of steps.entries()) {
        const guest = inside.get(who)
        if (!guest && what === 'enter') inside.set(who, enter(rooms, `k${who}`))
        else if (guest && what === 'track') {
          track(guest.member, stateText({ n }), rooms)
          truth.set(`k${who}`, n)
        } else if (guest && what === 'untrack') {
          untrack(guest.member, rooms)
          truth.delete(`k${who}`)
        } else if (guest && what === 'leave') {
          leave(guest.member, rooms)
          inside.delete(who)
          truth.delete(`k${who}`)
        }
        await vi.advanceTimersByTimeAsync(waitMs)
      }
      await vi.advanceTimersByTimeAsync(1000)
      const all = Object.fromEntries([...truth].map(([key, n]) => [key, [{ n }]]))
      for (const { known } of inside.values()) expect(toState(known)).toEqual(all)
    }),
    { numRuns: 60 },
  )
})

it('gathers what changes in a busy room: one diff waits there, however much there is to say', async () => {
  const rooms = createRooms()
  // More than a slice for each look at the clock, so that what is sent has to wait.
  let now = 0
  vi.spyOn(rooms.runtime.clock, 'monotonic').mockImplementation(() => (now += 3))
  const guests = Array.from({ length: 60 }, (_, n) => enter(rooms, `k${n}`))
  const [first] = guests as [Guest]
  track(first.member, stateText({ n: 0 }), rooms)
  await vi.advanceTimersByTimeAsync(6)
  // The first diff is on its way.
  const queue = rooms.sending.get('public lobby')
  expect(queue).toBeDefined()
  for (let n = 1; n <= 500; n++) {
    for (const { member } of guests) track(member, stateText({ n }), rooms)
    vi.advanceTimersByTime(0)
  }
  for (const { member } of guests.slice(30)) leave(member, rooms)
  expect(queue?.waiting.length).toBeLessThanOrEqual(1)
  expect(rooms.presence.get('public lobby')?.joins.size).toBeLessThanOrEqual(60)
  await vi.runAllTimersAsync()
  for (const { known, frames } of guests.slice(0, 30)) {
    expect(toState(known)).toEqual(Object.fromEntries(guests.slice(0, 30).map((_, n) => [`k${n}`, [{ n: 500 }]])))
    expect(frames).toBeLessThan(10)
  }
  expect([rooms.sending.size, rooms.presence.size, rooms.present.get('public lobby')?.members]).toEqual([0, 0, 30])
  vi.restoreAllMocks()
  for (const { member } of guests.slice(0, 30)) leave(member, rooms)
  expect(rooms.present.size).toBe(0)
})
