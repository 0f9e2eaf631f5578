import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareDecimals, decimalOf, isHeld } from './decimal.ts'

const order = (one: string, other: string): number | undefined => {
  const [a, b] = [decimalOf(one), decimalOf(other)]
  return a && b && Math.sign(compareDecimals(a, b))
}

describe('a number with all its digits', () => {
  it('has the order that a BigInt has', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (a, b) => {
        expect(order(String(a), String(b))).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })

  it('has the order that a JavaScript number has, however that is written', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true })
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(order(String(a), String(b))).toBe(a < b ? -1 : a > b ? 1 : 0)
        expect(isHeld(String(a))).toBe(true)
      }),
    )
  })

  it.each([
    ['9007199254740993', '9007199254740992', 1],
    ['9007199254740993', '95', 1],
    ['-12345678901234567.89', '-2', -1],
    ['12345678901234567.890', '12345678901234567.89', 0],
    ['0012', '1.2e1', 0],
    ['1e400', '1e399', 1],
    ['-0.0', '0', 0],
    ['.5', '5e-1', 0],
  ])('compares %s with %s', (one, other, expected) => {
    expect(order(one, other)).toBe(expected)
  })

  it('takes no longer than its text is long, whatever follows', () => {
    const digits = '1'.repeat(1_000_000)
    expect(decimalOf(`${digits}x`)).toBeUndefined()
    expect(decimalOf(`${digits}.${digits}`)?.exponent).toBe(1_000_000)
  })

  it('is none of other text', () => {
    for (const text of ['', '.', 'e5', '1-2', '0x10', 'NaN', 'Infinity', '1 2', '--1'])
      expect(decimalOf(text)).toBeUndefined()
    expect(['9007199254740993', '1e400', '0.1000000000000000055'].map(isHeld)).toEqual([false, false, false])
    expect(['0.1', '1.0', '9007199254740992', '1E3'].map(isHeld)).toEqual([true, true, true, true])
  })
})
