import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLines } from './lines.ts'

interface Who {
  readonly client: string
  readonly preferred: boolean
}

describe('lines', () => {
  it('let clients take turns, and give the place of whoever has the most to one who has less', () => {
    const lines = createLines<string>(4)
    const add = (name: string, preferred = false): string | undefined => lines.add(name, name.slice(0, 1), preferred)
    expect(['a1', 'a2', 'a3', 'a4', 'a5'].map((name) => add(name))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      'a5',
    ])
    expect([lines.hasRoom(false, 'a'), lines.hasRoom(false, 'b')]).toEqual([false, true])
    expect([add('b1'), add('b2'), add('c1')]).toEqual(['a4', 'a3', 'a2'])
    expect(lines.hasRoom(false, 'b')).toBe(false)
    lines.leave('b1')
    expect([lines.next(), lines.next(), lines.next(), lines.next()]).toEqual(['a1', 'b2', 'c1', undefined])
  })

  it('drop those who are not accepted, which costs nobody a turn', () => {
    const lines = createLines<string>(4)
    for (const name of ['a', 'b', 'c']) lines.add(name, name, false)
    const asked: string[] = []
    const accept = (who: string): boolean => {
      asked.push(who)
      return who === 'c'
    }
    expect(lines.next(accept)).toBe('c')
    expect([asked, lines.waiting]).toEqual([['a', 'b', 'c'], 0])
    lines.add('d', 'd', true)
    expect([lines.clear(), lines.waiting, lines.next()]).toEqual([['d'], 0, undefined])
  })

  it('lose nobody untold, have no more than their places, and take none from a half that has less than its own', () => {
    const client = fc.record({ client: fc.constantFrom('a', 'b', 'c', 'd'), preferred: fc.boolean() })
    const step = fc.oneof({ weight: 3, arbitrary: client }, { weight: 1, arbitrary: fc.constant('next' as const) })
    fc.assert(
      fc.property(fc.nat(7), fc.array(step, { maxLength: 60 }), (most, steps) => {
        const lines = createLines<Who>(most)
        const waiting = new Set<Who>()
        const count = (wanted: boolean, of?: string): number =>
          [...waiting].filter(({ preferred, client: each }) => preferred === wanted && (of ?? each) === each).length
        for (const each of steps) {
          if (each === 'next') {
            const next = lines.next()
            expect(next !== undefined && waiting.delete(next)).toBe(waiting.size > 0 || next !== undefined)
            continue
          }
          const who = { ...each }
          const before = count(who.preferred)
          const room = lines.hasRoom(who.preferred, who.client)
          const lost = lines.add(who, who.client, who.preferred)
          expect(lost !== who).toBe(room)
          waiting.add(who)
          if (lost) waiting.delete(lost)
          expect(lines.waiting).toBe(waiting.size)
          expect(waiting.size).toBeLessThanOrEqual(most)
          // A half is never refused what is its own, and nobody loses a place to a client of the same half that has as many.
          if (before < Math.floor(most / 2)) expect(lost).not.toBe(who)
          if (lost && lost !== who && lost.preferred === who.preferred) {
            expect(count(lost.preferred, lost.client)).toBeGreaterThanOrEqual(count(who.preferred, who.client))
          }
        }
      }),
    )
  })
})
