// Parts of a multipart body (RFC 7578): a header names the field, and its value follows a blank line.
import { REDACTED } from '../../marks.ts'
import { isSpace } from '../chars.ts'
import { hideNamedElement, isContent, rememberElement } from '../markup/labelled-elements.ts'
import { breakWidth } from '../lines.ts'
import { closeName, hide, NEVER, type TextScan } from '../state.ts'

const LONGEST_HEADERS = 500
const LONGEST_DISPOSITION = 60

/** Remembers where the value begins in the part, or the element, whose secret name ends at `to`. */
export function rememberPart(scan: TextScan, from: number, to: number): void {
  // The name follows a space: `form-data; name=`, `<param name=`.
  if (!isSpace(scan.text.charCodeAt(from - 1))) return
  if (scan.text.charCodeAt(from - 2) !== 59 && rememberElement(scan, from, to)) return
  const before = scan.text.slice(Math.max(0, from - LONGEST_DISPOSITION), from)
  if (!/form-data/i.test(before)) return
  const body = blankLineEnd(scan, to)
  if (body - to <= LONGEST_HEADERS) scan.partFrom = body
}

/** Returns the position after the next blank line; cached for all callers before it. */
function blankLineEnd(scan: TextScan, from: number): number {
  if (from >= scan.blankFrom && from <= scan.blankEnd) return scan.blankEnd
  const known = from < scan.blankFrom
  const found = findBlankLine(scan, from, known ? scan.blankFrom : scan.end)
  if (found < NEVER || !known) scan.blankEnd = found
  scan.blankFrom = from
  return scan.blankEnd
}

function findBlankLine({ text }: TextScan, from: number, limit: number): number {
  let at = from
  while (at < limit) {
    const code = text.charCodeAt(at)
    // Most characters can't begin a break. The shortcut pays, since all of the text up to the next blank line is read.
    if (code > 13 && code < 128 && code !== 92) {
      at++
      continue
    }
    const first = breakWidth(text, at)
    const second = first > 0 ? breakWidth(text, at + first) : 0
    if (second > 0) return at + first + second
    at += first > 0 ? first : 1
  }
  return NEVER
}

/**
 * Hides the value of the part or element that begins at or before `at`, up to the next boundary. Returns the position
 * to continue at.
 */
export function hidePart(scan: TextScan, at: number): number {
  const from = scan.partFrom
  scan.partFrom = NEVER
  if (isContent(scan.text, from)) return closeName(scan, Math.max(at, hideNamedElement(scan, from)))
  const to = partEnd(scan, from)
  return closeName(scan, to > from ? Math.max(at, hide(scan, from, to, REDACTED)) : at)
}

function partEnd({ text, end }: TextScan, from: number): number {
  const backslashes = escapedBefore(text, from)
  const feed = backslashes > 0 ? `${'\\'.repeat(backslashes)}n` : '\n'
  const boundary = text.indexOf(`${feed}--`, from)
  if (boundary < 0 || boundary > end) return backslashes > 0 ? stringEnd(text, from, end, backslashes) : end
  const carriage = backslashes > 0 ? `${'\\'.repeat(backslashes)}r` : '\r'
  return text.startsWith(carriage, boundary - carriage.length) ? boundary - carriage.length : boundary
}

/** Returns the number of backslashes that escape the break before `to`. */
function escapedBefore(text: string, to: number): number {
  let from = to - 1
  while (from > 0 && text.charCodeAt(from - 1) === 92) from--
  return to - 1 - from
}

/** Returns where the string that holds the body ends: at a quote with fewer backslashes than the quotes inside have. */
function stringEnd(text: string, from: number, end: number, backslashes: number): number {
  let count = 0
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code === 34 && count < backslashes) return at - count
    count = code === 92 ? count + 1 : 0
  }
  return end
}
