import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { planRetention } from './retention.ts'
import { sourceOf, type Segment } from './segments.ts'

const segment = fc.record({
  lane: fc.constantFrom('error', 'event', 'span', 'run'),
  startedAt: fc.integer({ min: 0, max: 1000 }),
})
const received = fc.record({
  lane: fc.constantFrom(
    'error@browser',
    'event@browser',
    'log@browser',
    'drops@browser',
    'error@partner',
    'event@partner',
  ),
  startedAt: fc.integer({ min: 0, max: 1000 }),
})
const listOf = (file: fc.Arbitrary<{ lane: string; startedAt: number }>) =>
  fc
    .array(file, { maxLength: 60, size: 'max' })
    .map((all) =>
      all
        .map((each, index): Segment => ({ ...each, path: String(index), bytes: 1 }))
        .toSorted((a, b) => a.startedAt - b.startedAt),
    )
const segments = listOf(segment)
const limits = fc.record({ maxFiles: fc.integer({ min: 1, max: 20 }), olderThan: fc.integer({ min: 0, max: 1000 }) })

const file = (lane: string, startedAt: number): Segment => ({ lane, startedAt, path: `${lane}${startedAt}`, bytes: 1 })

describe('retention of the journal’s files', () => {
  it('keeps a limited number of files, and the newest two of each kind that are young enough', () => {
    fc.assert(
      fc.property(segments, limits, (all, { maxFiles, olderThan }) => {
        const { remove, trim } = planRetention(all, { maxFiles, olderThan })
        const left = all.filter((each) => !remove.includes(each))
        const kinds = new Set(all.map(({ lane }) => lane))
        expect(left.length).toBeLessThanOrEqual(Math.max(maxFiles, 2 * kinds.size))
        expect(new Set(remove).size).toBe(remove.length)
        for (const kind of kinds) {
          const files = all.filter((each) => each.lane === kind)
          expect(left).toContain(files.at(-1))
          const second = files.at(-2)
          if (second && (files.at(-1) as Segment).startedAt >= olderThan) expect(left).toContain(second)
        }
        for (const each of left) expect(trim.includes(each)).toBe(each.startedAt < olderThan)
      }),
    )
  })

  it('removes files of the kind that has the most, its oldest first', () => {
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

  it('keeps at least three quarters of the files for the process itself, whatever was received', () => {
    fc.assert(
      fc.property(segments, listOf(received), limits, (own, foreign, { maxFiles, olderThan }) => {
        const keptOf = (all: readonly Segment[], most: number): string[] => {
          const { remove } = planRetention(all, { maxFiles: most, olderThan })
          return all.filter((each) => !remove.includes(each)).map(({ path }) => path)
        }
        const others = foreign.map((each) => ({ ...each, path: `other ${each.path}` }))
        const together = [...own, ...others].toSorted((a, b) => a.startedAt - b.startedAt)
        const alone = keptOf(own, maxFiles - Math.floor(maxFiles / 4))
        const left = keptOf(together, maxFiles)
        for (const path of alone) expect(left).toContain(path)
      }),
      { numRuns: 1000 },
    )
  })

  it('gives other sources a quarter of the files, but two for each source and one for each of its kinds', () => {
    fc.assert(
      fc.property(listOf(received), limits, (all, { maxFiles, olderThan }) => {
        const { remove } = planRetention(all, { maxFiles, olderThan })
        const left = all.filter((each) => !remove.includes(each))
        const kinds = new Set(all.map(({ lane }) => lane))
        const sources = new Set([...kinds].map(sourceOf))
        const least = [...sources].reduce(
          (sum, source) => sum + Math.max(2, [...kinds].filter((kind) => sourceOf(kind) === source).length),
          0,
        )
        expect(left.length).toBeLessThanOrEqual(Math.max(Math.floor(maxFiles / 4), least))
        // The newest file of a kind may be written to.
        for (const kind of kinds) expect(left).toContain(all.findLast(({ lane }) => lane === kind))
        for (const source of sources) {
          const young = all.filter(({ lane, startedAt }) => sourceOf(lane) === source && startedAt >= olderThan)
          const kept = left.filter(({ lane }) => sourceOf(lane) === source)
          expect(kept.length).toBeGreaterThanOrEqual(Math.min(2, young.length))
        }
      }),
    )
  })

  it('takes the files of the source that has the most, so that none pushes out another’s', () => {
    const flood = Array.from({ length: 30 }, (_, n) => file('event@browser', 10 + n))
    const all = [file('event@partner', 1), file('event@partner', 2), file('error', 3), ...flood]
    const { remove } = planRetention(all, { maxFiles: 16, olderThan: 0 })
    expect(remove).toEqual(flood.slice(0, 28))
  })
})
