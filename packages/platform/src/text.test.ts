import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isOneLine, isStorable, isVisible } from './text.ts'

it.each([
  ['Night Drive', true],
  ['🎵', true],
  ['', true],
  ['a\0b', false],
  ['a\ud800', false],
  ['\udc00a', false],
])('%j can be stored: %s', (text, expected) => {
  expect(isStorable(text)).toBe(expected)
})

it.each([
  ['a', true],
  ['…', true],
  ['夜', true],
  ['🎵', true],
  ['', false],
  [' \t\n\u00a0\u3000', false],
  ['\u200b\u200d\ufeff\u2060', false],
  ['\u00ad\u034f\u180e', false],
  ['\u3164\uffa0\u115f', false],
  ['\u2800', false],
  ['\u202e', false],
  ['\ufe0f', false],
])('%j can be seen: %s', (text, expected) => {
  expect(isVisible(text)).toBe(expected)
})

it.each([
  ['Night Drive', true],
  ['', true],
  ['\u0634\u0628 \u0637\u0648\u06cc\u0644', true],
  ['\u05dc\u05d9\u05dc\u05d4 (Remix) 2', true],
  ['\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645', true],
  ['\ud83d\udc69\u200d\ud83c\udfa4', true],
  ['a\u200e\u200f\u061cb', true],
  ['\u2067\u05dc\u05d9\u05dc\u05d4\u2069 feat. Ann', true],
  ['\u2068a\u202bb\u202cc\u2069', true],
  ['a\u202e', false],
  ['\u202eevird thgin', false],
  ['a\u202cb', false],
  ['a\u2069b', false],
  ['\u2066a', false],
  ['\u2066a\u202c', false],
  ['\u2066\u202ba\u2069\u202c', false],
  ['\u2066\u202ba\u2069', false],
  ['a\nSubject: b', false],
  ['a\u2028b', false],
  ['a\u0085b', false],
  ['\u202ea\u2029\u202c', false],
])('%j keeps to its line: %s', (text, expected) => {
  expect(isOneLine(text)).toBe(expected)
})

it('keeps to its line exactly when pairs can be taken out until no sign is left, and so do texts that do, together', () => {
  const sign = fc.constantFrom(...'\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069', 'a', '\u05d0', '\u200f')
  const text = fc.array(sign, { maxLength: 12 }).map((signs) => signs.join(''))
  const isBalanced = (given: string): boolean => {
    const pair =
      /[\u202a\u202b\u202d\u202e][^\u202a-\u202e\u2066-\u2069]*\u202c|[\u2066-\u2068][^\u202a-\u202e\u2066-\u2069]*\u2069/u
    let left = given
    while (pair.test(left)) left = left.replace(pair, '')
    return !/[\u202a-\u202e\u2066-\u2069]/.test(left)
  }
  fc.assert(
    fc.property(text, text, (one, two) => {
      expect(isOneLine(one)).toBe(isBalanced(one))
      if (isOneLine(one)) expect(isOneLine(one + two)).toBe(isOneLine(two))
    }),
    { numRuns: 5000 },
  )
})
