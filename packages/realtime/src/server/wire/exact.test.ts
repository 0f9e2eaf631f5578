import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHeld } from './decimal.ts'
import { digitsOfExponents, markNumbers, restoreNumbers } from './exact.ts'

const kept = (text: string): string => {
  const marked = markNumbers(text)
  return marked === undefined ? JSON.stringify(JSON.parse(text)) : restoreNumbers(JSON.stringify(JSON.parse(marked)))
}

/** Every token looked at by itself. */
const markedOneByOne = (text: string): string[] =>
  text
    .match(/"(?:[^"\\]|\\.)*"|-?\d[\d.]*(?:[eE][+-]?\d+)?/gs)
    ?.filter((token) => !token.startsWith('"') && !isHeld(token)) ?? []

describe('numbers with more digits than JavaScript keeps', () => {
  it.each([
    ['{"id":9007199254740993,"x":1e400}'],
    ['[-12345678901234567.89,0.12345678901234567891]'],
    ['9007199254740993'],
    ['{"a":"9007199254740993 \\"1e400","b":9007199254740993}'],
  ])('stay as they were written: %s', (text) => {
    expect(kept(text)).toBe(text)
  })

  it('are the only ones that are looked after: all other JSON is written as ever', () => {
    expect(markNumbers('{"n":1.0,"s":"12345678901234567890","e":1e3,"at":1700000000000}')).toBeUndefined()
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(kept(text))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('leave spaces and names that come twice as JSON writes them', () => {
    expect(kept('{ "a" : 1,\n "a" : 9007199254740993 }')).toBe('{"a":9007199254740993}')
  })

  it('are found among texts that look like them, with and without escapes', () => {
    const number = fc.tuple(
      fc.constantFrom('', '-'),
      fc.bigInt({ min: 0n, max: 10n ** 25n }),
      fc.string({ unit: fc.constantFrom('0', '7'), maxLength: 20 }),
      fc.constantFrom('', 'e5', 'E-12', 'e+307', 'e308', 'e309', 'e-400', 'e0000001'),
    )
    const written = number.map(([sign, whole, part, exponent]) => `${sign}${whole}${part && `.${part}`}${exponent}`)
    const double = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value))
    const quoted = fc
      .string({ unit: fc.constantFrom('"', '\\', '1e999', '12345678901234567', ',') })
      .map((value) => JSON.stringify(value))
    fc.assert(
      fc.property(fc.array(fc.oneof(written, double, quoted)), (tokens) => {
        const text = `[${tokens.join()}]`
        const marked = markNumbers(text)
        const found =
          marked === undefined
            ? []
            : (JSON.parse(marked) as unknown[]).flatMap((value) =>
                typeof value === 'string' && value.startsWith('msc ') ? [value.slice(value.lastIndexOf(' ') + 1)] : [],
              )
        expect(found).toEqual(markedOneByOne(text))
        if (marked !== undefined) expect(restoreNumbers(marked)).toBe(text)
      }),
    )
  })

  it('are as long by their exponents as those say, in numbers alone', () => {
    expect(digitsOfExponents('[1e5,-2.5E-12,1e+3,7,"1e99","\\"1e99"]')).toBe(20)
  })
})
