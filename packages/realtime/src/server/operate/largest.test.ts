import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RoomMembers } from '../rooms/room-members.ts'
import { createLargest, formatStanding, isBefore, parseStanding, type Found } from './largest.ts'

const room = new RoomMembers('a', true)
const rooms = fc.uniqueArray(
  fc.record({ members: fc.integer({ min: 1, max: 5 }), key: fc.string({ unit: 'binary' }) }),
  { selector: ({ key }) => key, maxLength: 40 },
)

it('pages through all rooms, each once, the largest first', () => {
  fc.assert(
    fc.property(rooms, fc.integer({ min: 1, max: 7 }), (all, most) => {
      const pages: Found[] = []
      for (let after: string | undefined, ended = false; !ended;) {
        const largest = createLargest(most, parseStanding(after))
        // A room that is seen twice is listed once.
        for (const each of [...all, ...all]) largest.add({ ...each, room })
        expect(largest.found.length).toBeLessThanOrEqual(most)
        pages.push(...largest.found)
        const last = largest.found.at(-1)
        ended = last === undefined
        if (last) after = formatStanding(last)
      }
      const sorted = all.toSorted((one, other) => (isBefore(one, other) ? -1 : 1))
      expect(pages.map(({ members, key }) => ({ members, key }))).toEqual(sorted)
    }),
  )
})

it('begins at the start for a position that is none', () => {
  for (const text of [undefined, '', 'x', '-1 private a', '1', '9999999999 a'])
    expect(parseStanding(text)).toBeUndefined()
})
