import { CARD, IBAN } from '../../marks.ts'
import {
  hasIssuer,
  ibanLength,
  extend97,
  luhnDoubled,
  mayBeginAccount,
  passesLuhn,
  value97,
  MAX_97,
} from '../../values/checks.ts'
import { classOf, isDigit, RUN } from '../chars.ts'
import { NO_GAP, createGroupChain, gapWidth, positionOf, readGroups97, restBetween } from './group-chain.ts'
import { hide, type TextScan } from '../state.ts'

interface Grouping {
  readonly total: number
  readonly groups: readonly number[]
}

/** The ways to group the digits of a card. */
const GROUPINGS: readonly Grouping[] = [
  { total: 16, groups: [4, 4, 4, 4] },
  { total: 15, groups: [4, 6, 5] },
  { total: 14, groups: [4, 6, 4] },
]

/**
 * Hides a card number that begins with this run: digits in one piece, or grouped as on a card by single spaces, hyphens
 * or their encodings.
 *
 * @returns The position to continue at, or -1 when it is not one.
 */
export function hideCard(scan: TextScan, from: number, runTo: number): number {
  const { text } = scan
  let to = runTo
  // A trailing dot or hyphen belongs to the sentence.
  while (to > from && (text.charCodeAt(to - 1) === 46 || text.charCodeAt(to - 1) === 45)) to--
  const length = to - from
  const four = leadingFour(text, from)
  if (length >= 14 && length <= 16) {
    const card = hasIssuer(four, length) && isDigits(text, from, to) && passesLuhn(text, from, to)
    return card ? hide(scan, from, to, CARD) : -1
  }
  if (length !== 4 ? length < 16 || length > 19 : gapWidth(text, to) === 0) return -1
  const end = groupedEnd(scan, from, four)
  // A hyphen, a letter or another digit after it makes it a part of something longer.
  if (end < 0 || (end < to && length !== 4)) return -1
  return end > to && end < scan.end && isGlued(text, end) ? -1 : hide(scan, from, end, CARD)
}

/** Returns the first four digits as a number. For other characters it is NaN, or a number that no issuer has. */
function leadingFour(text: string, from: number): number {
  let value = 0
  for (let i = from; i < from + 4; i++) value = value * 10 + text.charCodeAt(i) - 48
  return value
}

function isGlued(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code !== 46 && classOf(code) === RUN && !(code === 45 && !isDigit(text.charCodeAt(at + 1)))
}

function groupedEnd(scan: TextScan, from: number, four: number): number {
  for (const sizes of GROUPINGS) {
    if (!hasIssuer(four, sizes.total)) continue
    const end = readGroups(scan, from, sizes)
    if (end >= 0) return end
  }
  return -1
}

/** Returns where the groups end when all are there and the check digit is right; else -1. */
function readGroups({ text, end }: TextScan, from: number, { total, groups }: Grouping): number {
  let at = from
  let left = total
  let sum = 0
  for (const size of groups) {
    if (left < total) {
      const width = gapWidth(text, at)
      if (width === 0) return -1
      at += width
    }
    const next = at + size
    if (next > end) return -1
    const group = luhnOf(text, at, next, left % 2 === 0)
    if (group < 0) return -1
    sum += group
    left -= size
    at = next
  }
  return sum % 10 !== 0 || (at < end && isDigit(text.charCodeAt(at))) ? -1 : at
}

/** What each doubled digit adds to the sum of the check digit. */
const LUHN_DOUBLED = /* @__PURE__ */ (() => Uint8Array.from({ length: 10 }, (_, digit) => luhnDoubled(digit)))()

/** Returns what a group adds to the sum of the check digit; -1 when it is not all digits. */
function luhnOf(text: string, from: number, to: number, doubleFirst: boolean): number {
  if (to - from === 4 && doubleFirst) return luhnOfFour(text, from)
  let sum = 0
  let double = doubleFirst
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48
    if (!(digit >= 0 && digit <= 9)) return -1
    sum += double ? (LUHN_DOUBLED[digit] as number) : digit
    double = !double
  }
  return sum
}

/** Like {@link luhnOf}, for the groups of four that most cards have. */
function luhnOfFour(text: string, from: number): number {
  const first = text.charCodeAt(from) - 48
  const second = text.charCodeAt(from + 1) - 48
  const third = text.charCodeAt(from + 2) - 48
  const fourth = text.charCodeAt(from + 3) - 48
  if (!(first >= 0 && first <= 9 && second >= 0 && second <= 9)) return -1
  if (!(third >= 0 && third <= 9 && fourth >= 0 && fourth <= 9)) return -1
  return (LUHN_DOUBLED[first] as number) + second + (LUHN_DOUBLED[third] as number) + fourth
}

function isDigits(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isDigit(text.charCodeAt(i))) return false
  return to > from
}

/**
 * Hides an IBAN that begins with this run, by the two letters and the length of its country and the check by 97. It may
 * be in one piece or in groups of four.
 *
 * @returns The position to continue at, or -1 when it is not one.
 */
export function hideIban(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const length = ibanLength(text, from)
  if (length === 0 || !isDigits(text, from + 2, from + 4)) return -1
  if (!mayBeginAccount(text, from, from + 4 + gapWidth(text, from + 4))) return -1
  const end = to - from === 4 ? readIbanGroups(scan, from, length) : readIban(scan, from, length)
  return end < 0 || (end < scan.end && isWordCode(text.charCodeAt(end))) ? -1 : hide(scan, from, end, IBAN)
}

/** Returns where the IBAN ends when its check digits are right; else -1. */
function readIban({ text, end }: TextScan, from: number, length: number): number {
  let rest = 0
  let at = from + 4
  for (let count = 4; count < length; at++) {
    if (at >= end) return -1
    const value = value97(text.charCodeAt(at))
    if (value <= MAX_97) {
      rest = extend97(rest, value)
      count++
      continue
    }
    const width = count % 4 === 0 ? gapWidth(text, at) : 0
    if (width === 0) return -1
    at += width - 1
  }
  for (let i = from; i < from + 4; i++) rest = extend97(rest, value97(text.charCodeAt(i)))
  return rest % 97 === 1 ? at : -1
}

/** Like {@link readIban}, for groups of four. Whole groups are read once for all the IBANs that they may be part of. */
function readIbanGroups(scan: TextScan, from: number, length: number): number {
  const count = (length - 4) >> 2
  const left = (length - 4) & 3
  const chain = (scan.chain ??= createGroupChain())
  const last = readGroups97(chain, scan.text, scan.end, from + 4, count)
  // Only a part of this number is grouped.
  if (last === NO_GAP) return readIban(scan, from, length)
  if (last < 0) return -1
  const at = positionOf(chain, last)
  const width = left > 0 ? gapWidth(scan.text, at) : 0
  return left > 0 && width === 0
    ? readIban(scan, from, length)
    : endOfIban(scan, from, at + width, left, restBetween(chain, last - count, last))
}

/**
 * Adds the last few characters and the first four. Returns where the IBAN ends when its check digits are right; else
 * -1.
 */
function endOfIban(scan: TextScan, from: number, start: number, left: number, before: number): number {
  const { text, end } = scan
  const to = start + left
  if (to > end) return -1
  let rest = before
  for (let i = start; i < to; i++) {
    const value = value97(text.charCodeAt(i))
    if (value > MAX_97) return -1
    rest = extend97(rest, value)
  }
  for (let i = from; i < from + 4; i++) rest = extend97(rest, value97(text.charCodeAt(i)))
  return rest % 97 === 1 ? to : -1
}

function isWordCode(code: number): boolean {
  return code !== 46 && code !== 45 && classOf(code) === RUN
}

/** True when an IBAN may begin here. This runs for every word, so it looks at the length and two characters only. */
export function mayBeIban(text: string, from: number, to: number): boolean {
  const length = to - from
  return (length === 4 || length >= 15) && isDigit(text.charCodeAt(from + 2)) && isLetterCode(text.charCodeAt(from))
}

function isLetterCode(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}
