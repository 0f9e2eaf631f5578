// Objects inside text, and their strings: a brace inside a string neither opens nor closes an object.
import { escapedCode, escapedWidth, isNewline, isQuote, isSpace, readCharacter } from './chars.ts'
import {
  NO_QUOTE,
  closes,
  quoteBackslashes,
  quoteCode,
  quoteLevel,
  quoteWidth,
  readQuote,
  type Quote,
} from './quotes.ts'
import { clearSlot } from './slots.ts'
import type { TextScan } from './state.ts'

/**
 * The state at the position that was read up to: the character that opened the current string (0 outside of strings),
 * the number of times the object was percent-encoded, and one more than the number of backslashes of its quotes (0
 * before the first quote). Packed into a number, because there is one for every brace.
 */
export type Strings = number

function pack(open: number, level: number, own: number): Strings {
  return open | (level << 7) | ((own + 1) << 10)
}

function openOf(strings: Strings): number {
  return strings & 127
}

function levelOf(strings: Strings): number {
  return (strings >> 7) & 7
}

function ownOf(strings: Strings): number {
  return (strings >> 10) - 1
}

/** The number of nested objects that are remembered. */
const DEEPEST = 64

/**
 * Enters the object whose brace is at `at`. Inside a string, a brace opens an object only if that object quotes its
 * strings in another way.
 */
export function enterObject(scan: TextScan, at: number, next: number, level: number): void {
  if (scan.depth > 0) {
    readStrings(scan, at)
    if (openOf(scan.strings) !== 0 && !isNested(scan, next, level)) return
  }
  if (scan.depth < DEEPEST) scan.outer[scan.depth] = scan.strings
  scan.depth++
  clearSlot(scan)
  scan.strings = pack(0, level, -1)
  scan.stringsAt = next
}

/** Leaves the current object, unless the brace at `at` is inside a string. */
export function leaveObject(scan: TextScan, at: number): void {
  if (scan.depth === 0) return
  readStrings(scan, at)
  if (openOf(scan.strings) === 0) leave(scan)
}

function leave(scan: TextScan): void {
  clearSlot(scan)
  scan.depth--
  // Objects nested deeper than that are all assumed to be quoted alike.
  scan.strings = scan.outer[scan.depth] ?? pack(0, levelOf(scan.strings), ownOf(scan.strings))
}

/** True at `{\"…`, which is JSON in a JSON string, and at `'{"…'`. */
function isNested({ text, end, strings }: TextScan, from: number, level: number): boolean {
  let at = from
  while (at < end && isSpace(text.charCodeAt(at))) at++
  const quote = readQuote(text, at, end, level)
  if (quote === NO_QUOTE || !isKey(text, at + quoteWidth(quote), end, quote, level)) return false
  if (quoteCode(quote) !== openOf(strings)) return true
  return quoteBackslashes(quote) > ownOf(strings) || quoteLevel(quote) > levelOf(strings)
}

const LONGEST_KEY = 64

/** True when a name follows the opened quote, since a brace and a quote may also be characters of a password. */
function isKey(text: string, from: number, end: number, quote: Quote, level: number): boolean {
  const limit = Math.min(end, from + LONGEST_KEY)
  let at = from
  while (at < limit && !isKeyEnd(text, at, quote, level)) at++
  if (at >= limit) return false
  at += quoteWidth(quote)
  while (at < end && isSpace(escapedCode(readCharacter(text, at, level))))
    at += escapedWidth(readCharacter(text, at, level))
  return at >= end || escapedCode(readCharacter(text, at, level)) === 58
}

/** Reads a quote only at a character that may begin one. */
function isKeyEnd(text: string, at: number, quote: Quote, level: number): boolean {
  const code = text.charCodeAt(at)
  if (code > 39 && code !== 92 && code !== 96) return false
  return readQuote(text, at, at + quoteWidth(quote), level) === quote
}

/**
 * Reads strings up to `to`, and leaves objects whose string ends. Each character is read once, however often this is
 * called.
 */
export function readStrings(scan: TextScan, to: number): void {
  const { text } = scan
  let at = scan.stringsAt
  let backslashes = 0
  while (at < to) {
    let code = text.charCodeAt(at)
    // Most characters are neither quotes nor able to precede one.
    if (code > 39 && code !== 92 && code !== 96) {
      backslashes = 0
      at++
      continue
    }
    let width = 1
    if (code === 37) {
      const read = readCharacter(text, at, levelOf(scan.strings))
      code = escapedCode(read)
      width = escapedWidth(read)
    }
    if (code === 92) backslashes++
    else {
      const entity = code === 38 ? readQuote(text, at, scan.end, 0) : NO_QUOTE
      if (entity !== NO_QUOTE) {
        code = quoteCode(entity)
        width = quoteWidth(entity)
      }
      if (entity !== NO_QUOTE || isQuote(code)) readQuoteOf(scan, at, at + width, code, backslashes)
      // A JSON string can't contain a line break, so the quote opened none.
      else if (code < 32 && isNewline(code)) scan.strings = pack(0, levelOf(scan.strings), ownOf(scan.strings))
      backslashes = 0
    }
    at += width
  }
  scan.stringsAt = Math.max(at, scan.stringsAt)
}

/** Skips a hidden span, which opens and closes no string: readers of the result find a mark there. */
export function skipStrings(scan: TextScan, from: number, to: number): void {
  readStrings(scan, from)
  if (scan.stringsAt < to) scan.stringsAt = to
}

function readQuoteOf(scan: TextScan, at: number, next: number, code: number, backslashes: number): void {
  // This quote ends a string that held a whole object.
  if (code === 34) while (scan.depth > 1 && backslashes < ownOf(scan.strings)) leave(scan)
  const open = openOf(scan.strings)
  const level = levelOf(scan.strings)
  const own = ownOf(scan.strings)
  if (open !== 0) {
    if (open === code && closes(scan.text, next, scan.end, backslashes, Math.max(own, 0)))
      scan.strings = pack(0, level, own)
  } else if (opens(scan.text, at, code) && (own < 0 || backslashes === own)) {
    scan.strings = pack(code, level, backslashes)
  }
}

/**
 * True when this quote opens a string. A double quote does; another quote, or an entity, only where a name or a value
 * may begin.
 */
function opens(text: string, at: number, code: number): boolean {
  if (code === 34) return true
  let before = at - 1
  while (before > 0 && text.charCodeAt(before) === 32) before--
  const last = text.charCodeAt(before)
  // : [ , = ( {
  return last === 58 || last === 91 || last === 44 || last === 61 || last === 40 || last === 123
}
