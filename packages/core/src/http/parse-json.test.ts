import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJson } from './parse-json.ts'

const nested = (depth: number, open = '[', close = ']'): string => `${open.repeat(depth)}1${close.repeat(depth)}`
const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
const outcome = (run: () => unknown): unknown => {
  try {
    return { value: run() }
  } catch (error) {
    return (error as Error).name
  }
}

describe('parseJson', () => {
  it('refuses what is nested too deeply, and nothing else that JSON.parse takes', () => {
    expect(parseJson(nested(128))).toBeDefined()
    expect(() => parseJson(nested(129))).toThrow(SyntaxError)
    expect(() => parseJson(nested(100_000, '{"a":', '}'))).toThrow(SyntaxError)
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), fc.integer({ min: 1, max: 10 }), (text, most) => {
        const value: unknown = JSON.parse(text)
        const expected = depthOf(value) > most ? 'SyntaxError' : { value }
        expect(outcome(() => parseJson(text, most))).toEqual(expected)
      }),
    )
  })

  it('takes brackets within strings for text, whatever is escaped before them', () => {
    const part = fc.constantFrom('[', '{', '"', '\\', '\\"', ']', '}', 'a', '\u2028')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const value = { [parts.join('')]: [parts.join(''), 'x'] }
        expect(parseJson(JSON.stringify(value), 2)).toEqual(value)
      }),
    )
  })

  it('reads any text as JSON.parse does, or refuses it as that does', () => {
    const piece = fc.constantFrom('[', ']', '{', '}', '"', '\\', ',', ':', '1', 'a', ' ')
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }).map((parts) => parts.join('')),
        (text) => {
          expect(outcome(() => parseJson(text, 100))).toEqual(outcome(() => JSON.parse(text) as unknown))
        },
      ),
    )
  })

  it.each([undefined, null, 5, {}])('refuses %s as what is no text', (text) => {
    expect(() => parseJson(text as never)).toThrow(SyntaxError)
  })

  it.each([Number.NaN, Infinity, 0, 1.5, '8', null])('refuses a depth of %s, which would be no limit', (maxDepth) => {
    expect(() => parseJson('[]', maxDepth as never)).toThrow(new RangeError('`maxDepth` must be >= 1'))
  })
})
