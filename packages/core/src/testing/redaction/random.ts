import { mulberry32 } from '../mulberry32.ts'

/** Random numbers from a seed: the same seed gives the same numbers, so that a failure can be reproduced. */
export interface Random {
  /** Returns a whole number that is at least 0 and below `limit`. */
  below(limit: number): number
  /** Returns characters drawn from an alphabet. */
  text(alphabet: string, length: number): string
  pick<T>(items: readonly T[]): T
}

export const DIGITS = '0123456789'
export const LOWER = 'abcdefghijklmnopqrstuvwxyz'
export const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
export const HEX = '0123456789abcdef'
export const ALPHANUMERIC: string = UPPER + LOWER + DIGITS
export const BASE64URL: string = `${ALPHANUMERIC}-_`

export function createRandom(seed: number): Random {
  const next = mulberry32(seed)
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    below,
    text: (alphabet, length) => Array.from({ length }, () => alphabet[below(alphabet.length)]).join(''),
    pick: (items) => items[below(items.length)] as (typeof items)[number],
  }
}

/** Appends the check digit of ISO/IEC 7812-1. */
export function withLuhn(digits: string): string {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const value = Number(digits[digits.length - 1 - i]) * (i % 2 === 0 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return `${digits}${(10 - (sum % 10)) % 10}`
}

/** Appends the check digit of GS1, as in barcodes of 12, 13 and 14 digits. */
export function withGs1(digits: string): string {
  let sum = 0
  for (let i = 0; i < digits.length; i++) sum += Number(digits[digits.length - 1 - i]) * (i % 2 === 0 ? 3 : 1)
  return `${digits}${(10 - (sum % 10)) % 10}`
}

/** Returns an IBAN of the country with the two check digits of ISO 7064 MOD 97-10. */
export function withMod97(country: string, account: string): string {
  let rest = 0
  for (const character of `${account}${country}00`) {
    for (const digit of String(Number.parseInt(character, 36))) rest = (rest * 10 + Number(digit)) % 97
  }
  return `${country}${String(98 - rest).padStart(2, '0')}${account}`
}
