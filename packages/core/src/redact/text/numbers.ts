import { CARD, IBAN } from '../marks.ts'
import { ibanLength, isCardNumber, passesMod97 } from '../checks.ts'
import { classOf, isDigit, readEscape, escapedCode, escapedLevel, escapedWidth, RUN } from './chars.ts'
import { hide, type TextScan } from './state.ts'

/** How the digits of a card are grouped when they are. */
const GROUPINGS: readonly (readonly number[])[] = [[4, 4, 4, 4], [4, 6, 5], [4, 6, 4]] // prettier-ignore

/**
 * Hides a card number that begins with this run: digits in one piece, or grouped as on a card by single spaces,
 * hyphens or their encodings.
 *
 * @returns Where to go on, or -1 when it is none.
 */
export function hideCard(scan: TextScan, from: number, runTo: number): number {
  const { text } = scan
  let to = runTo
  // The end of a sentence.
  while (to > from && (text.charCodeAt(to - 1) === 46 || text.charCodeAt(to - 1) === 45)) to--
  const length = to - from
  if (length >= 14 && length <= 16) {
    return isDigits(text, from, to) && isCardNumber(text.slice(from, to)) ? hide(scan, from, to, CARD) : -1
  }
  if (length !== 4 && (length < 16 || length > 19)) return -1
  const end = groupedEnd(scan, from)
  // A hyphen, a letter or another digit behind it: part of something longer.
  if (end < 0 || (end < to && length !== 4)) return -1
  return end > to && end < scan.end && isGlued(text, end) ? -1 : hide(scan, from, end, CARD)
}

function isGlued(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code !== 46 && classOf(code) === RUN && !(code === 45 && !isDigit(text.charCodeAt(at + 1)))
}

function groupedEnd(scan: TextScan, from: number): number {
  for (const grouping of GROUPINGS) {
    const found = readGroups(scan, from, grouping)
    if (found && isCardNumber(found.digits)) return found.end
  }
  return -1
}

function readGroups(
  scan: TextScan,
  from: number,
  grouping: readonly number[],
): { digits: string; end: number } | undefined {
  const { text } = scan
  let at = from
  let digits = ''
  for (const [index, size] of grouping.entries()) {
    if (index > 0) {
      const width = gapWidth(text, at)
      if (width === 0) return undefined
      at += width
    }
    if (at + size > scan.end || !isDigits(text, at, at + size)) return undefined
    digits += text.slice(at, at + size)
    at += size
  }
  return at < scan.end && isDigit(text.charCodeAt(at)) ? undefined : { digits, end: at }
}

/** A space (also without break, as `+` or encoded) or a hyphen. */
function gapWidth(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code === 32 || code === 45 || code === 43 || code === 0xa0) return 1
  if (code !== 37) return 0
  const escape = readEscape(text, at)
  return escape !== 0 && escapedCode(escape) === 32 && escapedLevel(escape) < 4 ? escapedWidth(escape) : 0
}

function isDigits(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (!isDigit(text.charCodeAt(i))) return false
  return to > from
}

/**
 * Hides an IBAN that begins with this run: a country's two letters and length, and the check by 97. In one piece, or in
 * groups of four.
 *
 * @returns Where to go on, or -1 when it is none.
 */
export function hideIban(scan: TextScan, from: number): number {
  const { text } = scan
  const length = ibanLength(text.slice(from, from + 2).toUpperCase())
  if (length === 0 || !isDigits(text, from + 2, from + 4)) return -1
  const to = ibanEnd(scan, from, length)
  if (to < 0 || (to < scan.end && isWordCode(text.charCodeAt(to)))) return -1
  const iban = text.slice(from, to).replaceAll(GAPS, '').toUpperCase()
  return passesMod97(iban) ? hide(scan, from, to, IBAN) : -1
}

const GAPS = /[ +\u00a0-]|%(?:25)*20/g

/** Behind as many letters and digits as the country's IBANs have, in one piece or in groups of four; else -1. */
function ibanEnd(scan: TextScan, from: number, length: number): number {
  const { text } = scan
  let count = 0
  let at = from
  while (count < length) {
    if (at >= scan.end) return -1
    const code = text.charCodeAt(at)
    if (isDigit(code) || isLetterCode(code)) {
      count++
      at++
    } else {
      const width = count % 4 === 0 ? gapWidth(text, at) : 0
      if (width === 0) return -1
      at += width
    }
  }
  return at
}

function isWordCode(code: number): boolean {
  return code !== 46 && code !== 45 && classOf(code) === RUN
}

/** Could an IBAN begin here? Asked for every word, so it only looks at the third character. */
export function mayBeIban(text: string, from: number, to: number): boolean {
  const length = to - from
  return (length === 4 || length >= 15) && isDigit(text.charCodeAt(from + 2)) && isLetterCode(text.charCodeAt(from))
}

function isLetterCode(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
}
