import { expect, it } from 'vitest'
import { name, text, wholeNumber } from './schemas.ts'

it.each([
  [1, 1],
  [-3, -3],
  [2_147_483_647, 2_147_483_647],
  ['1', 1],
  ['007', 7],
  ['999999999999999', 999_999_999_999_999],
])('reads %j as a whole number', (given, expected) => {
  expect(wholeNumber.parse(given)).toBe(expected)
})

it.each([
  true, false, null, undefined, '', ' 1', '1 ', '1.0', '1e0', '0x10', '-1', '+1', '１', '9'.repeat(16), [1], ['1'], {},
  1.5, 1e300, Number.NaN, Infinity, new Date(0), 1n,
])('does not read what is none as one: %s', (given) => {
  expect(wholeNumber.safeParse(given).success).toBe(false)
}) // prettier-ignore

it('takes text that can be stored, and names of one line', () => {
  expect(text.safeParse('a\u0000b').success).toBe(false)
  expect(text.parse('a\nb')).toBe('a\nb')
  expect(name.parse('  Night Drive ')).toBe('Night Drive')
  for (const wrong of ['a\nb', 'a\u202eb', 'a\u2028b', '\ud800']) expect(name.safeParse(wrong).success).toBe(false)
})
