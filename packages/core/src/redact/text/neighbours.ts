// Secrets whose name stands beside them in a list or a path.
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
 * Hides a long segment of a path behind one with a secret name: `/reset-password/9f86d081884c7d65`.
 *
 * @param slash The slash after the name; it may be percent-encoded.
 * @param from Behind it.
 * @returns Where to go on, or -1 when there is none.
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
 * Hides what follows a name in a list: `"Cookie", "sid=…"` as Node's `rawHeaders` are printed, `["password", "…"]` in a
 * list of pairs, `"--password", "…"` in a list of arguments. Other names are as often a list of names alone.
 *
 * @param comma The comma after the quoted name.
 * @returns Where to go on, or -1 when there is none.
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

/** Is the text in quotes at `from` the name of a member? Then what stood before was a value: `"name":"cookie","value":…` */
function isKey(text: string, from: number, end: number): boolean {
  const quote = readQuote(text, from, end, 0)
  if (quote === NO_QUOTE) return false
  const start = from + quoteWidth(quote)
  let to = start
  while (to < end && to - start < LONGEST_KEY && classOf(text.charCodeAt(to)) === RUN) to++
  // One with other backslashes is content: `"--password","a\\":b"`.
  return readQuote(text, to, end, 0) === quote && text.charCodeAt(afterGap(text, to + quoteWidth(quote), end)) === 58
}

const LONGEST_KEY = 40

/** Past spaces and line breaks, as indented JSON has them. */
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

/** Are the name and the item at `from` all of a list that is an item of a list itself? */
function isPair(scan: TextScan, from: number): boolean {
  const { text, end, runFrom } = scan
  const name = quoteStart(text, runFrom)
  const bracket = beforeGap(text, beforePrefix(text, name))
  const closingBracket = closingOf(text.charCodeAt(bracket))
  if (closingBracket === 0) return false
  const outer = text.charCodeAt(beforeGap(text, bracket))
  // [ ,
  if (outer !== 91 && outer !== 44) return false
  // Quoted alike, so that what closes here closes what others before it looked for.
  const quote = readQuote(text, from, end, 0)
  if (quote === NO_QUOTE || quote !== readQuote(text, name, runFrom, 0)) return false
  const closing = findClosing(text, from + quoteWidth(quote), end, quote)
  return closing < 0 || text.charCodeAt(afterGap(text, closing + quoteWidth(quote), end)) === closingBracket
}

/** A pair is a list, a tuple of Python or Rust, or a tuple of Elixir; 0 for what opens none. */
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

/** `b'…'` of Python. */
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

/** The last character before `to` that is no space and no line break. */
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

/** Is the name a flag whose argument is secret, and the item at `from` an argument? */
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

/** Remembers the list behind `rawHeaders`, where names and values take turns. */
export function rememberPairs(scan: TextScan, next: number): void {
  const { text, end, runFrom, runTo } = scan
  if (next <= scan.pairsUntil || !isWord(text, runFrom, runTo, 'rawheaders')) return
  const bracket = afterGap(text, next, end)
  if (text.charCodeAt(bracket) === 91) scan.pairsUntil = bracketEnd(text, bracket, end, 0, NO_QUOTE)
}
