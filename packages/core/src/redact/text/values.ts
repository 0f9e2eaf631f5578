import { REDACTED, markWidth } from '../marks.ts'
import { SECRET_LINE } from '../names.ts'
import { bareEnd, hideBare, trimEnd } from './bare.ts'
import { bracketEnd, hideBlock } from './blocks.ts'
import { classOf, escapedCode, escapedLevel, escapedWidth, isNewline, isSpace, readCharacter, RUN } from './chars.ts'
import { breakWidth, startsNewline } from './lines.ts'
import { hideLongString } from './long-strings.ts'
import { hidePrivateKey } from './pem.ts'
import { dumpedStringStart } from './php.ts'
import { ALONE, keeps, placeholderEnd, type Place } from './place.ts'
import { NO_QUOTE, endsEncoded, findClosing, quoteWidth, readQuote, type Quote } from './quotes.ts'
import { hide, type TextScan } from './state.ts'
import { skipStringPrefix, tupleEnd } from './tuples.ts'
import { blockMarkEnd, isFolded, skipProperties } from './yaml.ts'

/**
 * Hides the value that begins after a separator, whatever form it has.
 *
 * @returns Where to go on.
 */
export function hideValue(scan: TextScan, at: number, place: Place): number {
  const { text, end } = scan
  const from = skipToValue(scan, at, place.level)
  if (from >= end) return from
  const width = breakWidth(text, from)
  const dumped = width > 0 ? dumpedStringStart(text, from) : -1
  if (width > 0 && dumped < 0) {
    const block = hideBlock(scan, from, place.nameFrom)
    // More backslashes may be backslashes of the value.
    if (block > from || width < ESCAPED_TWICE) return block
  }
  const start = dumped < 0 ? skipStringPrefix(text, from) : dumped
  const long = place.level === 0 ? hideLongString(scan, start) : -1
  if (long >= 0) return long
  const quote = readQuote(text, start, end, place.level)
  if (quote !== NO_QUOTE) return hideNext(scan, hideQuoted(scan, start + quoteWidth(quote), quote, place), quote, place)
  return hideUnquoted(scan, from, escapedCode(readCharacter(text, from, place.level)), place)
}

function hideUnquoted(scan: TextScan, from: number, code: number, place: Place): number {
  const { text } = scan
  const marked = code === 91 ? markWidth(text, from) : 0
  // What was hidden before is left as it is.
  if (marked === REDACTED.length && isWhole(scan, from + marked, place)) return from + marked
  const bracket = code === 123 || (code === 91 && marked === 0)
  if (bracket && (place.quotedName !== NO_QUOTE || place.verdict !== SECRET_LINE))
    return hideBracketed(scan, from, place)
  const placeholder = placeholderEnd(text, from)
  if (placeholder > 0) return placeholder
  if (place.quotedName !== NO_QUOTE && classOf(code) === RUN) return hideLiteral(scan, from, place)
  const mark = code === 38 || code === 33 ? skipProperties(text, from) : from
  const first = text.charCodeAt(mark)
  const block = first === 124 || first === 62 ? blockMarkEnd(text, mark, scan.end) : -1
  if (block >= 0) return hideBlock(scan, block, place.nameFrom)
  if (code === 45 && text.startsWith('-----BEGIN', from)) {
    const key = hidePrivateKey(scan, from, from + 10)
    // What is glued to it was part of the value.
    if (key >= 0) return hide(scan, key, bareEnd(scan, key, place), '')
  }
  if (place.verdict === SECRET_LINE && !place.query) return hideFolded(scan, hideLine(scan, from, place), place)
  if (code === 40 && place.level === 0) {
    const tuple = tupleEnd(text, from, scan.end)
    if (tuple >= 0) return hide(scan, from, tuple, place.quotedName === NO_QUOTE ? REDACTED : quotedMark(scan, place))
  }
  return hideFolded(scan, hideBare(scan, from, place), place)
}

/** A value of YAML without quotes may go on in the lines below. */
function hideFolded(scan: TextScan, to: number, place: Place): number {
  if (place === ALONE || place.level > 0 || place.query || scan.done !== to || breakWidth(scan.text, to) === 0)
    return to
  return isFolded(scan.text, to, place.nameFrom, scan.end) ? hideBlock(scan, to, place.nameFrom) : to
}

/** Does the value end here, so that no rule would hide more of it? */
function isWhole(scan: TextScan, at: number, place: Place): boolean {
  return (place.verdict !== SECRET_LINE || place.query) && bareEnd(scan, at, place) === at
}

/** A number or a bare word in JSON. What replaces it is quoted, so that the JSON around it can still be read. */
function hideLiteral(scan: TextScan, from: number, place: Place): number {
  let to = from
  while (to < scan.end && classOf(scan.text.charCodeAt(to)) === RUN) to++
  return keeps(scan.text, from, to, place) ? to : hide(scan, from, to, quotedMark(scan, place))
}

/** In the quotes that the name has. */
function quotedMark({ text }: TextScan, { quotedName, quoteFrom }: Place): string {
  const quote = text.slice(quoteFrom, quoteFrom + quoteWidth(quotedName))
  return `${quote}${REDACTED}${quote}`
}

/** Past `=>`, `:=`, `==` and spaces. */
function skipToValue(scan: TextScan, at: number, level: number): number {
  let from = at
  // Most values follow right away.
  if (classOf(scan.text.charCodeAt(from)) === RUN) return from
  for (let i = 0; i < 2 && from < scan.end; i++) {
    const read = readCharacter(scan.text, from, level)
    if (escapedCode(read) !== 61 && escapedCode(read) !== 62) break
    from += escapedWidth(read)
  }
  while (from < scan.end) {
    const read = readCharacter(scan.text, from, level)
    const code = escapedCode(read)
    if (!isSpace(code) && !(level > 0 && code === 43)) break
    from += escapedWidth(read)
  }
  return from
}

function hideQuoted(scan: TextScan, from: number, quote: Quote, place: Place): number {
  const { text, end } = scan
  const closing = findClosing(text, from, end, quote)
  const to = closing < 0 ? end : closing
  // Nothing, or what was hidden before.
  if (to === from || (to - from === REDACTED.length && text.startsWith(REDACTED, from))) return to
  return keeps(text, from, to, place) ? to : hide(scan, from, to, REDACTED)
}

/** `"old" -> "new"`, as Terraform prints a change: both are values of the name. */
function hideNext(scan: TextScan, closing: number, quote: Quote, place: Place): number {
  const { text, end } = scan
  const arrow = closing + quoteWidth(quote)
  if (text.charCodeAt(arrow) !== 32 || text.charCodeAt(arrow + 2) !== 62 || text.charCodeAt(arrow + 3) !== 32)
    return closing
  const sign = text.charCodeAt(arrow + 1)
  const from = arrow + 4
  // - =
  if ((sign !== 45 && sign !== 61) || readQuote(text, from, end, place.level) !== quote) return closing
  return hideQuoted(scan, from + quoteWidth(quote), quote, place)
}

function hideBracketed(scan: TextScan, from: number, place: Place): number {
  const closed = bracketEnd(scan.text, from, scan.end, place.level)
  if (place.quotedName !== NO_QUOTE) return hide(scan, from, closed, quotedMark(scan, place))
  // `password=[x]abc` is no list.
  return hide(scan, from, Math.max(closed, trimEnd(scan.text, from, bareEnd(scan, closed, place))), REDACTED)
}

function hideLine(scan: TextScan, from: number, place: Place): number {
  const { text } = scan
  const scheme = isSchemeStart(text.charCodeAt(from) | 32) ? SCHEME.exec(text.slice(from, from + 24)) : null
  if (scheme) return hideBare(scan, skipToValue(scan, from + scheme[0].length, place.level), place)
  let to = lineEnd(scan, from, place.level)
  const closing = place.around !== NO_QUOTE ? findClosing(text, from, to, place.around) : -1
  if (closing >= 0) to = closing
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return hide(scan, from, to, REDACTED)
}

/** Found once for every value of a line: a line may hold many headers, each in its own quotes. */
function lineEnd(scan: TextScan, from: number, level: number): number {
  const { text, end } = scan
  if (scan.lineLevel === level && from >= scan.lineFrom && from <= scan.lineEnd) return scan.lineEnd
  let to = from
  while (to < end) {
    const read = readCharacter(text, to, level)
    if (isNewline(escapedCode(read)) || startsNewline(text, to)) break
    // Encoded text ends with the parameter that it stands in.
    if (level > 0 && escapedLevel(read) === 0 && endsEncoded(text, to, end)) break
    to += escapedWidth(read)
  }
  scan.lineLevel = level
  scan.lineFrom = from
  scan.lineEnd = to
  return to
}

/** Schemes of the Authorization header with a single token behind them. */
const SCHEME = /^(?:bearer|basic|token|apikey|api-key|negotiate|bot|key)(?: +|\+|%20)(?=\S)/i

/** b, t, a, n and k. */
function isSchemeStart(code: number): boolean {
  return code === 98 || code === 116 || code === 97 || code === 110 || code === 107
}

/** The width of `\\\\n`. */
const ESCAPED_TWICE = 3
