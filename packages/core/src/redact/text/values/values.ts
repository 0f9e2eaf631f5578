import { REDACTED, markWidth } from '../../marks.ts'
import { SECRET_LINE } from '../../names/names.ts'
import { bareEnd, hideBare } from './bare.ts'
import { hideBlock } from './blocks.ts'
import { hideBracketed } from './bracketed.ts'
import { classOf, escapedCode, isSpace, readCharacter, RUN } from '../chars.ts'
import { bytesEnd, classEnd } from '../formats/inspected.ts'
import { joinedEnd } from './joined.ts'
import { hideLine } from './line-values.ts'
import { breakWidth } from '../lines.ts'
import { hideLongString } from './long-strings.ts'
import { hidePrivateKey } from '../tokens/pem.ts'
import { dumpedStringStart } from '../formats/php.ts'
import { ALONE, keeps, markFor, placeholderEnd, type Place } from './place.ts'
import { NO_QUOTE, findClosing, quoteWidth, readQuote, type Quote } from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'
import { skipStringPrefix, tupleEnd } from './tuples.ts'
import { skipToValue } from './value-start.ts'
import { isSentence } from '../formats/sentences.ts'
import { blockIndicatorEnd, isFolded, skipProperties } from '../formats/yaml.ts'

/**
 * Hides the value that begins after a separator, whatever form it has.
 *
 * @returns The position to continue at.
 */
export function hideValue(scan: TextScan, at: number, place: Place): number {
  const { text, end } = scan
  const from = skipToValue(scan, at, place.level)
  if (from >= end) return from
  const width = breakWidth(text, from)
  const dumped = width > 0 ? dumpedStringStart(text, from) : -1
  if (width > 0 && dumped < 0) {
    const block = hideBlock(scan, from, place.nameFrom)
    // A break with more backslashes may be part of the value.
    if (block > from || width < ESCAPED_TWICE) return block
  }
  const start = dumped < 0 ? skipStringPrefix(text, from) : dumped
  const long = place.level === 0 ? hideLongString(scan, start) : -1
  if (long >= 0) return long
  const quote = readQuote(text, start, end, place.level)
  if (quote !== NO_QUOTE) return hideRest(scan, hideQuoted(scan, start + quoteWidth(quote), quote, place), quote, place)
  return hideUnquoted(scan, from, escapedCode(readCharacter(text, from, place.level)), place)
}

function hideUnquoted(scan: TextScan, from: number, code: number, place: Place): number {
  const { text } = scan
  const marked = code === 91 ? markWidth(text, from) : 0
  // A value that was hidden before is left as it is.
  if (marked === REDACTED.length && isWhole(scan, from + marked, place)) return from + marked
  if (marked === 0 && !(place.query && place.verdict === SECRET_LINE)) {
    const open = openingBracket(scan, from, code, place)
    if (open >= 0) return hideBracketed(scan, from, open, place)
  }
  const bytes = code === 60 && place.level === 0 ? bytesEnd(text, from, scan.end) : -1
  if (bytes >= 0) return hide(scan, from, bytes, markFor(text, place))
  const placeholder = placeholderEnd(text, from)
  if (placeholder > 0) return placeholder
  if (place.quotedName !== NO_QUOTE && classOf(code) === RUN) return hideLiteral(scan, from, place)
  // The rejected value is only a part of the sentence, and comes later in it.
  if (isSentence(text, from)) return from
  const mark = code === 38 || code === 33 ? skipProperties(text, from) : from
  const first = text.charCodeAt(mark)
  const block = first === 124 || first === 62 ? blockIndicatorEnd(text, mark, scan.end) : -1
  if (block >= 0) return hideBlock(scan, block, place.nameFrom)
  if (mark > from && isAnchored(scan, from, mark, place)) {
    hide(scan, from, mark, '')
    return hideValue(scan, mark, place)
  }
  if (code === 45 && text.startsWith('-----BEGIN', from)) {
    const key = hidePrivateKey(scan, from, from + 10)
    // Characters glued to the key are part of the value.
    if (key >= 0) return hide(scan, key, bareEnd(scan, key, place), '')
  }
  if (place.verdict === SECRET_LINE && !place.query) return hideFolded(scan, hideLine(scan, from, place), place)
  if (code === 40 && place.level === 0) {
    const tuple = tupleEnd(text, from, scan.end)
    if (tuple >= 0) return hide(scan, from, tuple, markFor(text, place))
  }
  return hideFolded(scan, hideBare(scan, from, place), place)
}

/**
 * Returns where the bracket of an object or a list opens: at the value, or after the class that it is printed with; -1
 * when none does.
 */
function openingBracket({ text, end }: TextScan, from: number, code: number, place: Place): number {
  const open = place.level === 0 && !place.query ? classEnd(text, from, end) : -1
  return open < 0 && (code === 123 || code === 91) ? from : open
}

/** True for an anchor or a tag of YAML, as opposed to a password that begins with `&` or `!`. */
function isAnchored({ text, end }: TextScan, from: number, mark: number, place: Place): boolean {
  if (place === ALONE || place.level > 0 || place.query || !isSpace(text.charCodeAt(from - 1))) return false
  return mark < end && breakWidth(text, mark) === 0
}

/** Hides the lines below as well, since an unquoted YAML value may continue there. */
function hideFolded(scan: TextScan, to: number, place: Place): number {
  if (place === ALONE || place.level > 0 || place.query || scan.done !== to || breakWidth(scan.text, to) === 0)
    return to
  return isFolded(scan.text, to, place.nameFrom, scan.end) ? hideBlock(scan, to, place.nameFrom) : to
}

/** True when the value ends here, so that no rule would hide more of it. */
function isWhole(scan: TextScan, at: number, place: Place): boolean {
  return (place.verdict !== SECRET_LINE || place.query) && bareEnd(scan, at, place) === at
}

/** Hides a number or a bare word in JSON. */
function hideLiteral(scan: TextScan, from: number, place: Place): number {
  let to = from
  while (to < scan.end && classOf(scan.text.charCodeAt(to)) === RUN) to++
  return keeps(scan.text, from, to, place) ? to : hide(scan, from, to, markFor(scan.text, place))
}

function hideQuoted(scan: TextScan, from: number, quote: Quote, place: Place): number {
  const { text, end } = scan
  const closing = findClosing(text, from, end, quote)
  const to = closing < 0 ? end : closing
  // The value is empty, or was hidden before.
  if (to === from || (to - from === REDACTED.length && text.startsWith(REDACTED, from))) return to
  return keeps(text, from, to, place) ? to : hide(scan, from, to, REDACTED)
}

/** Hides what follows the quotes: pieces that are joined to them, or the value that this one changes to. */
function hideRest(scan: TextScan, closing: number, quote: Quote, place: Place): number {
  const from = closing + quoteWidth(quote)
  const joined = place.level === 0 ? joinedEnd(scan.text, from, scan.end, quote) : from
  return joined > from ? hide(scan, from, joined, '') : hideNext(scan, closing, quote, place)
}

/** Hides the second value of `"old" -> "new"`, as Terraform prints a change: both belong to the name. */
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

/** The width of `\\n`, a break that was escaped twice. */
const ESCAPED_TWICE = 3
