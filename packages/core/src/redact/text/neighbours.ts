// Secrets whose name is beside them in a list or a path.
import { judgeFlag, pairSeparator } from '../names/flags.ts'
import { HARMLESS, SECRET_IN_QUERY, SECRET_LINE } from '../names/names.ts'
import { judgeSlice } from '../names/name-book.ts'
import { REDACTED } from '../marks.ts'
import { bracketEnd } from './values/blocks.ts'
import { classOf, isNewline, isQuote, isSpace, isWord, RUN } from './chars.ts'
import { hideArguments } from './formats/commands.ts'
import { breakWidth, startsNewline } from './lines.ts'
import { ALONE } from './values/place.ts'
import { NO_QUOTE, findClosing, quoteWidth, readQuote } from './quotes.ts'
import { hide, holdsDigitOrCapital, type TextScan } from './state.ts'
import { skipStringPrefix } from './values/tuples.ts'
import { hideValue } from './values/values.ts'

const SHORTEST_SEGMENT = 16

/**
 * Hides a long segment of a path after one with a secret name: `/reset-password/9f86d081884c7d65`.
 *
 * @param slash The position of the slash after the name; it may be percent-encoded.
 * @param from The position after the slash.
 * @returns The position to continue at, or -1 when there is no such segment.
 */
export function hidePathSegment(scan: TextScan, slash: number, from: number): number {
  const { text, end } = scan
  if (scan.runTo !== slash) return -1
  let to = from
  while (to < end && classOf(text.charCodeAt(to)) === RUN) to++
  if (to - from < SHORTEST_SEGMENT || !holdsDigitOrCapital(scan, from, to)) return -1
  // `token/a8f5.js` is a file.
  if (text.slice(from, to).includes('.')) return -1
  const verdict = judgeSlice(scan.names, text, scan.runFrom, scan.runTo)
  return verdict === HARMLESS || verdict === SECRET_IN_QUERY ? -1 : hide(scan, from, to, REDACTED)
}

/**
 * Hides the item after a name in a list: `"Cookie", "sid=…"` as Node's `rawHeaders` are printed, `["password", "…"]` in
 * a list of pairs, `"--password", "…"` in a list of arguments. Any other name is as often in a list of names.
 *
 * @param comma The position of the comma after the quoted name.
 * @returns The position to continue at, or -1 when nothing is hidden.
 */
export function hideNextItem(scan: TextScan, comma: number): number {
  const { text, end } = scan
  const hidden = hideArguments(scan, comma)
  if (hidden >= 0) return hidden
  const from = skipStringPrefix(text, afterGap(text, comma + 1, end))
  const code = text.charCodeAt(from)
  if (!isQuote(code) && code !== 92) return -1
  return hidesNext(scan, comma, from) && !isKey(text, from, end) ? hideValue(scan, from, ALONE) : -1
}

function hidesNext(scan: TextScan, comma: number, from: number): boolean {
  const { text, runFrom, runTo } = scan
  if (text.charCodeAt(runFrom) === 45 && isArgument(scan, from)) return true
  const verdict = judgeSlice(scan.names, text, runFrom, runTo)
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return false
  return verdict === SECRET_LINE || comma < scan.pairsUntil || isPair(scan, from)
}

/**
 * True when the quoted text at `from` is the name of a member; the text before it was then a value:
 * `"name":"cookie","value":…`
 */
function isKey(text: string, from: number, end: number): boolean {
  const quote = readQuote(text, from, end, 0)
  if (quote === NO_QUOTE) return false
  const start = from + quoteWidth(quote)
  let to = start
  while (to < end && to - start < LONGEST_KEY && classOf(text.charCodeAt(to)) === RUN) to++
  // A quote with a different number of backslashes is content: `"--password","a\\":b"`.
  return readQuote(text, to, end, 0) === quote && text.charCodeAt(afterGap(text, to + quoteWidth(quote), end)) === 58
}

const LONGEST_KEY = 40

/** Returns the position after spaces and line breaks, as in indented JSON. */
function afterGap(text: string, from: number, end: number): number {
  let at = from
  while (at < end && at - from < LONGEST_GAP) {
    if (isSpace(text.charCodeAt(at))) at++
    else {
      const width = breakWidth(text, at)
      if (width === 0) break
      at += width
    }
  }
  return at
}

const LONGEST_GAP = 64

/** True when the name and the item at `from` are a whole list that is itself an item of a list. */
function isPair(scan: TextScan, from: number): boolean {
  const { text, end, runFrom } = scan
  const name = quoteStart(text, runFrom)
  const bracket = beforeGap(text, beforePrefix(text, name))
  const closingBracket = closingOf(text.charCodeAt(bracket))
  if (closingBracket === 0) return false
  const outer = text.charCodeAt(beforeGap(text, bracket))
  // [ ,
  if (outer !== 91 && outer !== 44) return false
  // Both have to be quoted alike, so that the quote that closes here also ended the searches before this one.
  const quote = readQuote(text, from, end, 0)
  if (quote === NO_QUOTE || quote !== readQuote(text, name, runFrom, 0)) return false
  const closing = findClosing(text, from + quoteWidth(quote), end, quote)
  return closing < 0 || text.charCodeAt(afterGap(text, closing + quoteWidth(quote), end)) === closingBracket
}

/**
 * Returns the closing bracket of a pair, which is a list, a tuple of Python or Rust, or a tuple of Elixir; 0 for any
 * other character.
 */
function closingOf(bracket: number): number {
  switch (bracket) {
    case 91: // [
      return 93
    case 40: // (
      return 41
    default: // {
      return bracket === 123 ? 125 : 0
  }
}

/** Returns the start of a quoted text with its prefix: `b'…'` of Python. */
function beforePrefix(text: string, quote: number): number {
  return quote > 0 && skipStringPrefix(text, quote - 1) === quote && closingOf(text.charCodeAt(quote - 2)) > 0
    ? quote - 1
    : quote
}

function quoteStart(text: string, to: number): number {
  let from = to - 1
  while (from > 0 && text.charCodeAt(from - 1) === 92) from--
  return from
}

/** Returns the position of the last character before `to` that is neither a space nor part of a line break. */
function beforeGap(text: string, to: number): number {
  let at = to - 1
  while (at >= 0 && to - at < LONGEST_GAP) {
    const code = text.charCodeAt(at)
    if (isSpace(code) || isNewline(code)) at--
    else if (code === 110 && startsNewline(text, at - 1)) at -= 2
    else break
  }
  return at
}

/** True when the name is a flag whose argument is secret, and the item at `from` is an argument. */
function isArgument(scan: TextScan, from: number): boolean {
  const { text, end, runFrom, runTo } = scan
  const quote = readQuote(text, from, end, 0)
  if (quote === NO_QUOTE) return false
  const start = from + quoteWidth(quote)
  if (text.charCodeAt(start) === 45) {
    const second = text.charCodeAt(start + 1)
    if (second === 45 || isQuote(text.charCodeAt(start + 2))) return false
  }
  const separator = pairSeparator(text, runFrom, runTo)
  if (separator === 0) return judgeFlag(scan.names, text, runFrom, runTo) !== HARMLESS
  const closing = findClosing(text, start, end, quote)
  const to = closing < 0 ? end : closing
  for (let at = start; at < to; at++) if (text.charCodeAt(at) === separator) return true
  return false
}

/** Remembers the list after `rawHeaders`, in which names and values alternate. */
export function rememberPairs(scan: TextScan, next: number): void {
  const { text, end, runFrom, runTo } = scan
  if (next <= scan.pairsUntil || !isWord(text, runFrom, runTo, 'rawheaders')) return
  const bracket = afterGap(text, next, end)
  if (text.charCodeAt(bracket) === 91) scan.pairsUntil = bracketEnd(text, bracket, end, 0, NO_QUOTE)
}
