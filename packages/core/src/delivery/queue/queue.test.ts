import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../entry.ts'
import { limit } from './limits.ts'
import {
  add,
  addBefore,
  comeBack,
  createQueue,
  empty,
  held,
  land,
  putBack,
  putLast,
  putToRest,
  readyAt,
  setAside,
  take,
  waiting,
  type Queue,
} from './queue.ts'

const label = (id: number, kind = 'track', bytes = 10) => ({ id: String(id), kind, bytes })
const filled = (count: number, kinds = ['track']): Queue<number> => {
  const queue = createQueue<number>({ maxItems: 1000, maxBytes: 1_000_000 })
  for (let i = 0; i < count; i++) add(queue, i, label(i, kinds[i % kinds.length]))
  return queue
}
const items = (entries: readonly Entry<number>[]) => entries.map(({ item }) => item)
const all = { maxItems: Infinity, maxBytes: Infinity }

describe('the queue of an outbox', () => {
  it('returns its items in order, bounded in count and bytes, but always at least one', () => {
    const queue = filled(10)
    expect(items(take(queue, { maxItems: 3, maxBytes: 1000 }, 0))).toEqual([0, 1, 2])
    expect(items(take(queue, { maxItems: 100, maxBytes: 25 }, 0))).toEqual([3, 4])
    expect(items(take(queue, { maxItems: 100, maxBytes: 5 }, 0))).toEqual([5])
    expect(queue.queued).toEqual({ items: 4, bytes: 40 })
    expect(queue.inFlight).toEqual({ items: 6, bytes: 60 })
  })

  it('includes items in flight in its bounds, so that they always fit when put back', () => {
    const queue = createQueue<number>({ maxItems: 3, maxBytes: 25 })
    expect([0, 1, 2].map((id) => add(queue, id, label(id)))).toEqual([true, true, false])
    const batch = take(queue, all, 0)
    expect(add(queue, 3, label(3))).toBe(false)
    expect(add(queue, 3, label(3, 'track', 5))).toBe(true)
    land(queue, batch)
    putBack(queue, batch)
    expect(items(waiting(queue))).toEqual([0, 1, 3])
    expect(queue.queued).toEqual({ items: 3, bytes: 25 })
  })

  it('puts entries back in place, or behind all others', () => {
    const queue = filled(6, ['a', 'b'])
    const batch = take(queue, { maxItems: 4, maxBytes: 1000 }, 0)
    land(queue, batch)
    putLast(queue, batch[1] as Entry<number>)
    putBack(queue, [batch[3], batch[0], batch[2]] as Entry<number>[])
    expect(items(take(queue, all, 0))).toEqual([0, 2, 3, 4, 5, 1])
  })

  it('skips a limited kind, and keeps the order when the limit ends', () => {
    const queue = filled(6, ['error', 'log'])
    limit(queue.limits, [{ kinds: ['log'], forMs: 500 }], 100)
    const batch = take(queue, { maxItems: 2, maxBytes: 1000 }, 200)
    expect(items(batch)).toEqual([0, 2])
    land(queue, batch)
    putBack(queue, batch)
    expect(readyAt(queue, 200)).toBe(0)
    expect(items(take(queue, all, 200))).toEqual([0, 2, 4])
    expect(readyAt(queue, 200)).toBe(600)
    expect(items(take(queue, all, 599))).toEqual([])
    expect(items(take(queue, all, 600))).toEqual([1, 3, 5])
  })

  it('returns nothing while everything is limited, and never shortens a limit', () => {
    const queue = filled(2)
    limit(queue.limits, [{ kinds: 'all', forMs: 900 }], 0)
    limit(queue.limits, [{ kinds: 'all', forMs: 100 }], 0)
    expect(take(queue, all, 899)).toEqual([])
    expect(items(take(queue, all, 900))).toEqual([0, 1])
  })

  it('removes expired limits, and keeps a bounded number of them', () => {
    const queue = filled(1)
    for (let i = 0; i < 5000; i++) limit(queue.limits, [{ kinds: [`kind ${i}`], forMs: 1000 }], 0)
    expect(queue.limits.byKind.size).toBeLessThanOrEqual(256)
    limit(queue.limits, [{ kinds: ['one'], forMs: 1000 }], 2000)
    expect([...queue.limits.byKind.keys()]).toEqual(['one'])
  })

  it('puts a resting entry back in its place when its time is over', () => {
    const queue = filled(3)
    const [first, second] = take(queue, { maxItems: 2, maxBytes: 1000 }, 0) as [Entry<number>, Entry<number>]
    land(queue, [first, second])
    putToRest(queue, first, 300)
    putBack(queue, [second])
    expect(items(take(queue, { maxItems: 1, maxBytes: 1000 }, 299))).toEqual([1])
    expect(items(take(queue, all, 300))).toEqual([0, 2])
  })

  it('returns an entry that was set aside only when nothing else is left or it is called back', () => {
    const queue = filled(3)
    const [first] = take(queue, { maxItems: 1, maxBytes: 1000 }, 0) as [Entry<number>]
    land(queue, [first])
    setAside(queue, first)
    expect(items(take(queue, all, 0))).toEqual([1, 2])
    expect(items(take(queue, all, 0))).toEqual([0])
    const again = filled(2)
    const [head] = take(again, { maxItems: 1, maxBytes: 1000 }, 0) as [Entry<number>]
    land(again, [head])
    setAside(again, head)
    comeBack(again)
    expect(items(take(again, all, 0))).toEqual([0, 1])
  })

  it('returns the parts of a refused batch separately', () => {
    const queue = filled(5)
    const batch = take(queue, { maxItems: 4, maxBytes: 1000 }, 0)
    land(queue, batch)
    putBack(
      queue,
      batch.map((entry, index) => ({ ...entry, part: index < 2 ? 1 : 2 })),
    )
    expect(items(take(queue, all, 0))).toEqual([0, 1])
    expect(items(take(queue, all, 0))).toEqual([2, 3])
    expect(items(take(queue, all, 0))).toEqual([4])
  })

  it('puts restored items before everything else, as far as there is room', () => {
    const queue = createQueue<number>({ maxItems: 3, maxBytes: 1000 })
    add(queue, 10, label(10))
    const older = [0, 1, 2].map((item) => ({ item, label: label(item) }))
    expect(addBefore(queue, older)).toEqual([label(2)])
    expect(items(waiting(queue))).toEqual([0, 1, 10])
  })

  it('reads each entry a constant number of times however many are waiting', () => {
    // Counts instead of measuring time: every read of an entry's order goes through this getter.
    const looks = (count: number): number => {
      const queue = createQueue<number>({ maxItems: Infinity, maxBytes: Infinity })
      let looked = 0
      for (let i = 0; i < count; i++) add(queue, i, label(i))
      const lane = queue.lanes.get('track')
      lane!.back = lane!.back.map(
        (entry) =>
          Object.defineProperty({ ...entry }, 'order', { get: () => (looked++, entry!.order) }) as Entry<number>,
      )
      for (let batch = take(queue, { maxItems: 10, maxBytes: 1e9 }, 0), turn = 0; batch.length > 0; turn++) {
        land(queue, batch)
        if (turn % 2 === 0) putBack(queue, batch)
        batch = take(queue, { maxItems: 10, maxBytes: 1e9 }, 0)
      }
      return looked / count
    }
    expect(looks(20_000)).toBeLessThan(looks(200) * 1.5)
  })

  it('never loses, repeats or reorders anything, whatever the sequence of operations', () => {
    const step = fc.record({
      what: fc.constantFrom('push', 'take', 'back', 'last', 'rest', 'aside', 'limit', 'gone'),
      size: fc.integer({ min: 1, max: 7 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = createQueue<number>({ maxItems: 40, maxBytes: 350 })
        let next = 0
        let now = 0
        let gone = 0
        const moved = new Set<number>()
        let flight: Entry<number>[] = []
        for (const { what, size } of steps) {
          now += size
          if (what === 'push' && add(queue, next, label(next, `kind ${next % 3}`))) next += 1
          else if (what === 'limit') limit(queue.limits, [{ kinds: [`kind ${size % 3}`], forMs: size }], now)
          else if (what === 'take') {
            if (flight.length > 0) continue
            flight = take(queue, { maxItems: size, maxBytes: 45 }, now)
            const straight = items(flight).filter((item) => !moved.has(item))
            expect(straight).toEqual([...straight].sort((a, b) => a - b))
          } else if (flight.length > 0) {
            land(queue, flight)
            if (what === 'back') putBack(queue, flight)
            else if (what === 'gone') gone += flight.length
            else
              for (const entry of flight) {
                moved.add(entry.item)
                if (what === 'last') putLast(queue, entry)
                else if (what === 'rest') putToRest(queue, entry, now + size)
                else if (what === 'aside') setAside(queue, entry)
                else putBack(queue, [entry])
              }
            flight = []
          }
          expect(held(queue)).toBe(next - gone)
          expect(waiting(queue)).toHaveLength(queue.queued.items)
          expect(queue.queued.bytes + queue.inFlight.bytes).toBe(10 * (next - gone))
          expect(queue.queued.bytes + queue.inFlight.bytes).toBeLessThanOrEqual(350)
        }
        const rest = [...empty(queue), ...flight]
        expect(new Set(rest.map(({ id }) => id)).size).toBe(next - gone)
      }),
    )
  })
})
