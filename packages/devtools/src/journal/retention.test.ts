import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planRetention } from './retention.ts'
import type { Segment } from './segments.ts'

const segment = fc.record({
  kind: fc.constantFrom('error', 'event', 'span', 'run'),
  startedAt: fc.integer({ min: 0, max: 1000 }),
})
const segments = fc
  .array(segment, { maxLength: 60 })
  .map((all) =>
    all
      .map((each, index): Segment => ({ ...each, path: String(index), bytes: 1 }))
      .toSorted((a, b) => a.startedAt - b.startedAt),
  )
const limits = fc.record({ maxFiles: fc.integer({ min: 1, max: 20 }), olderThan: fc.integer({ min: 0, max: 1000 }) })

describe('retention of the journal’s files', () => {
  it('keeps a limited number of files, and the newest two of each kind that are young enough', () => {
    fc.assert(
      fc.property(segments, limits, (all, { maxFiles, olderThan }) => {
        const { remove, trim } = planRetention(all, { maxFiles, olderThan })
        const left = all.filter((each) => !remove.includes(each))
        const kinds = new Set(all.map(({ kind }) => kind))
        expect(left.length).toBeLessThanOrEqual(Math.max(maxFiles, 2 * kinds.size))
        expect(new Set(remove).size).toBe(remove.length)
        for (const kind of kinds) {
          const files = all.filter((each) => each.kind === kind)
          expect(left).toContain(files.at(-1))
          const second = files.at(-2)
          if (second && (files.at(-1) as Segment).startedAt >= olderThan) expect(left).toContain(second)
        }
        for (const each of left) expect(trim.includes(each)).toBe(each.startedAt < olderThan)
      }),
    )
  })

  it('removes files of the kind that has the most, its oldest first', () => {
    const file = (kind: string, startedAt: number): Segment => ({
      kind,
      startedAt,
      path: `${kind}${startedAt}`,
      bytes: 1,
    })
    const all = [
      file('error', 1),
      file('event', 2),
      file('event', 3),
      file('error', 4),
      file('event', 5),
      file('event', 6),
    ]
    const { remove } = planRetention(all, { maxFiles: 4, olderThan: 0 })
    expect(remove.map(({ path }) => path)).toEqual(['event2', 'event3'])
  })
})
