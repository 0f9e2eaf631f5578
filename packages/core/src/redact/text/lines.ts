// Line breaks, raw and as JSON escapes them, however many times.
import { isNewline, isSpace } from './chars.ts'

/** True at `\n` or `\r` written as two characters, as in JSON. */
export function startsNewline(text: string, at: number): boolean {
  if (text.charCodeAt(at) !== 92) return false
  return isBreakLetter(text.charCodeAt(at + 1)) && text.charCodeAt(at - 1) !== 92
}

/** Returns the width of the line break at `at`: `\n`, `\r\n` or `\r`, escaped or not; 0 when there is none. */
export function breakWidth(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (isNewline(code)) return code === 13 && text.charCodeAt(at + 1) === 10 ? 2 : 1
  if (code !== 92 || text.charCodeAt(at - 1) === 92) return 0
  const next = text.charCodeAt(at + 1)
  if (next === 110) return 2
  // This is neither a break nor another backslash.
  if (next !== 114 && next !== 92) return 0
  const first = escapedWidth(text, at)
  const whole = first > 0 && text.charCodeAt(at + first - 1) === 114 && escapedWidth(text, at + first) === first
  return whole && text.charCodeAt(at + 2 * first - 1) === 110 ? 2 * first : first
}

/** Each nesting of JSON doubles the backslashes: 1, 2, 4 and 8. */
const MAX_BACKSLASHES = 8

function escapedWidth(text: string, at: number): number {
  const count = backslashesAt(text, at)
  return (count & (count - 1)) === 0 && count > 0 && isBreakLetter(text.charCodeAt(at + count)) ? count + 1 : 0
}

/** Returns the number of backslashes that escape the break at `at`; 0 for a raw break. */
export function backslashesAt(text: string, at: number): number {
  let to = at
  while (to - at <= MAX_BACKSLASHES && text.charCodeAt(to) === 92) to++
  return to - at > MAX_BACKSLASHES ? 0 : to - at
}

function isBreakLetter(code: number): boolean {
  return code === 110 || code === 114
}

/** Returns where the line of `at` begins: after a break, or at the start of the string that escapes its breaks. */
export function lineStart(text: string, at: number, backslashes: number): number {
  let from = at
  while (from > 0) {
    const code = text.charCodeAt(from - 1)
    if (isNewline(code)) break
    if (backslashes > 0) {
      if (isBreakLetter(code) && text.charCodeAt(from - 2) === 92) break
      if (code === 34 && backslashesBefore(text, from - 1) < backslashes) break
    }
    from--
  }
  return from
}

/** Returns where the line ends: at the next break with as many backslashes, or with the string around it. */
export function lineEnd(text: string, from: number, end: number, backslashes: number): number {
  if (backslashes > 0) return escapedLineEnd(text, from, end, backslashes)
  let to = from
  while (to < end && !isNewline(text.charCodeAt(to))) to++
  return to
}

function escapedLineEnd(text: string, from: number, end: number, backslashes: number): number {
  let to = from
  while (to < end) {
    const code = text.charCodeAt(to)
    if (isNewline(code)) break
    if (code === 34 && backslashesBefore(text, to) < backslashes) {
      return Math.max(from, to - backslashesBefore(text, to))
    }
    const count = code === 92 ? backslashesAt(text, to) : 0
    if (count === backslashes && isBreakLetter(text.charCodeAt(to + count))) break
    to += Math.max(1, count)
  }
  return Math.min(to, end)
}

function backslashesBefore(text: string, at: number): number {
  let from = at
  while (from > 0 && at - from <= MAX_BACKSLASHES && text.charCodeAt(from - 1) === 92) from--
  return at - from
}

/** Returns the position after spaces and line breaks. */
export function gapEnd(text: string, from: number, end: number): number {
  let at = from
  while (at < end) {
    const width = isSpace(text.charCodeAt(at)) ? 1 : breakWidth(text, at)
    if (width === 0) break
    at += width
  }
  return at
}
