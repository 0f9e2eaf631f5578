import { REDACTED, endsWithMark, markWidth } from '../marks.ts'
import { COUNTED, SECRET_LINE, type Verdict } from '../names.ts'
import {
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isDigit,
  isNewline,
  isQuote,
  isSpace,
  readCharacter,
  NEWLINE,
  RUN,
  SPACE,
} from './chars.ts'
import { blockEnd, bracketEnd } from './blocks.ts'
import { endsValue, findClosing, readQuote, type Quote } from './quotes.ts'
import { hidePrivateKey } from './pem.ts'
import { hide, type TextScan } from './state.ts'

/** What is known about the place of a value. */
export interface Place {
  /** How often the separator was percent-encoded; the value's own delimiters are too. */
  readonly level: number
  readonly verdict: Verdict
  /** A parameter of a URL or form: ends at `&` and `#`. */
  readonly query: boolean
  /** The quote that the name stood behind: `-H "Cookie: …"`. */
  readonly around: Quote | undefined
  /** Written in quotes itself, as in JSON: what replaces an object has to be quoted too. */
  readonly quotedName: Quote | undefined
  /** Where the line of the name begins, for values on the lines below. */
  readonly nameFrom: number
}

const LITERAL = /^(?:true|false|null|undefined|none|nil)$/i
const LITERAL_STARTS = 'tfnuTFNU'
const LONGEST_KEPT = 48
const COUNT = /^[+-]?\d[\d.,_]*n?$/

/**
 * Hides the value that begins after a separator, whatever form it has.
 *
 * @returns Where to go on.
 */
export function hideValue(scan: TextScan, at: number, place: Place): number {
  const { text, end } = scan
  const from = skipToValue(scan, at, place.level)
  if (from >= end) return from
  if (isNewline(text.charCodeAt(from))) return hideBlock(scan, from, place)
  const opened = readQuote(text, skipStringPrefix(text, from), end, place.level)
  if (opened) return hideQuoted(scan, opened.next, opened.quote, place)
  const code = text.charCodeAt(from)
  const bracket = code === 123 || (code === 91 && markWidth(text, from) === 0)
  if (bracket && (place.quotedName || place.verdict !== SECRET_LINE)) return hideBracketed(scan, from, place)
  const placeholder = placeholderEnd(text, from)
  if (placeholder > 0) return placeholder
  if (place.quotedName && classOf(code) === RUN) return hideLiteral(scan, from, place.quotedName, place)
  const mayBlock = code === 124 || code === 62
  const block =
    mayBlock && BLOCK_MARK.test(text.slice(from, from + 5)) ? hideBlock(scan, text.indexOf('\n', from), place) : -1
  if (block >= 0) return block
  if (code === 45 && text.startsWith('-----BEGIN', from)) {
    const key = hidePrivateKey(scan, from, from + 10)
    // What is glued to it was part of the value.
    if (key >= 0) return hide(scan, key, bareEnd(scan, key, place), '')
  }
  if (place.verdict === SECRET_LINE && !place.query) return hideLine(scan, from, place)
  return hideBare(scan, from, place)
}

/** Python's `b'…'`, SQL's `N'…'`. */
function skipStringPrefix(text: string, from: number): number {
  const code = text.charCodeAt(from) | 32
  const prefix = code === 98 || code === 110 || code === 114 || code === 117 || code === 102 || code === 101
  return prefix && isQuote(text.charCodeAt(from + 1)) ? from + 1 : from
}

/** A number or a bare word in JSON. What replaces it is quoted, so that the JSON around it can still be read. */
function hideLiteral(scan: TextScan, from: number, { raw }: Quote, place: Place): number {
  let to = from
  while (to < scan.end && classOf(scan.text.charCodeAt(to)) === RUN) to++
  return keeps(scan.text, from, to, place) ? to : hide(scan, from, to, `${raw}${REDACTED}${raw}`)
}

/** Past `=>`, `:=`, `==` and spaces. */
function skipToValue(scan: TextScan, at: number, level: number): number {
  let from = at
  for (let i = 0; i < 2 && from < scan.end; i++) {
    const code = scan.text.charCodeAt(from)
    if (code !== 61 && code !== 62) break
    from++
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
  const closing = findClosing(scan.text, from, scan.end, quote)
  const to = closing < 0 ? scan.end : closing
  if (to === from) return from
  return keeps(scan.text, from, to, place) ? to : hide(scan, from, to, REDACTED)
}

/** Values that tell nothing: a literal, a number of what is counted, a parameter in place of a value. */
function keeps(text: string, from: number, to: number, { verdict }: Place): boolean {
  if (to - from > LONGEST_KEPT) return false
  const first = text.charCodeAt(from)
  if (LITERAL_STARTS.includes(text[from] as string) && LITERAL.test(text.slice(from, to))) return true
  if (verdict === COUNTED && (isDigit(first) || first === 43 || first === 45)) return COUNT.test(text.slice(from, to))
  // `':name'` in quotes is no parameter.
  return first !== 58 && placeholderEnd(text, from) === to
}

function hideBracketed(scan: TextScan, from: number, place: Place): number {
  const closed = bracketEnd(scan.text, from, scan.end)
  const raw = place.quotedName?.raw
  if (raw !== undefined) return hide(scan, from, closed, `${raw}${REDACTED}${raw}`)
  // `password=[x]abc` is no list.
  return hide(scan, from, Math.max(closed, trimEnd(scan.text, from, bareEnd(scan, closed, place))), REDACTED)
}

/** YAML: the value stands on the lines below, further in than its name. */
function hideBlock(scan: TextScan, newline: number, { nameFrom }: Place): number {
  const block = blockEnd(scan.text, newline, scan.end, nameFrom)
  return block ? hide(scan, block.from, block.to, REDACTED) : newline
}

function hideLine(scan: TextScan, from: number, place: Place): number {
  const { text, end } = scan
  const scheme = SCHEME.exec(text.slice(from, from + 24))
  if (scheme) return hideBare(scan, skipToValue(scan, from + scheme[0].length, place.level), place)
  let to = from
  while (to < end) {
    const read = readCharacter(text, to, place.level)
    if (isNewline(escapedCode(read)) || startsNewline(text, to)) break
    // Encoded text ends with the parameter that it stands in.
    if (place.level > 0 && escapedLevel(read) === 0 && endsEncoded(text.charCodeAt(to))) break
    to += escapedWidth(read)
  }
  const closing = place.around ? findClosing(text, from, to, place.around) : -1
  if (closing >= 0) to = closing
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return hide(scan, from, to, REDACTED)
}

/** Schemes of the Authorization header with a single token behind them. */
const SCHEME = /^(?:bearer|basic|token|apikey|api-key|negotiate|bot|key)(?: +|\+|%20)(?=\S)/i

function endsEncoded(code: number): boolean {
  return isSpace(code) || isQuote(code) || code === 38
}

/** `\n` as two characters, in text that was made for JSON. */
function startsNewline(text: string, at: number): boolean {
  if (text.charCodeAt(at) !== 92) return false
  const next = text.charCodeAt(at + 1)
  return (next === 110 || next === 114) && text.charCodeAt(at - 1) !== 92
}

function hideBare(scan: TextScan, from: number, place: Place): number {
  const { text } = scan
  let to = bareEnd(scan, from, place)
  if (place.level === 0 && !place.query) {
    const grouped = groupsEnd(scan, from, to)
    to = trimEnd(text, from, grouped > to ? bareEnd(scan, grouped, place) : to)
  }
  if (to <= from) return Math.max(from, to)
  return keeps(text, from, to, place) ? to : hide(scan, from, to, REDACTED)
}

/** How YAML begins a text of several lines. */
const BLOCK_MARK = /^[|>][+-]?\d?\r?\n/

export function bareEnd(scan: TextScan, from: number, place: Place): number {
  const { text, end } = scan
  let at = from
  while (at < end) {
    const read = readCharacter(text, at, place.level)
    const code = escapedCode(read)
    const next = at + escapedWidth(read)
    const kind = classOf(code)
    if (kind === RUN) at = next
    // Encoded text ends with the parameter that it stands in.
    else if (code === 38 && place.level > 0 && escapedLevel(read) === 0) break
    else if (kind === SPACE || kind === NEWLINE) break
    else if (endsBare(text, code, at, next, end, place)) break
    else at = next
  }
  return at
}

function endsBare(text: string, code: number, at: number, next: number, end: number, place: Place): boolean {
  switch (code) {
    case 38: // &
      return place.query || text.startsWith('amp;', next) || next >= end || isAssignment(text, next, end, place.level)
    case 35: // #
      return place.query
    case 44: // ,
    case 59: // ;
      return isEnd(text, next, end) || isQuote(text.charCodeAt(next)) || isAssignment(text, next, end, place.level)
    case 60: // <
      return text.charCodeAt(next) === 47
    case 92: // \
      return startsNewline(text, at) || (isQuote(text.charCodeAt(next)) && endsValue(text, next + 1, end))
    case 34:
    case 39:
    case 96:
      return endsValue(text, next, end)
    default:
      return false
  }
}

const LONGEST_KEY = 40

/** Does another `name=` or `name:` follow? */
function isAssignment(text: string, from: number, end: number, level: number): boolean {
  const limit = Math.min(end, from + LONGEST_KEY)
  let at = from
  while (at < limit && classOf(text.charCodeAt(at)) === RUN) at++
  if (at === from || at >= limit) return false
  const code = escapedCode(readCharacter(text, at, level))
  return code === 61 || code === 58
}

/** `4242 4242 4242 4242` and `+46 70 123 45 67` are one value. */
function groupsEnd(scan: TextScan, from: number, first: number): number {
  const { text, end } = scan
  let to = first
  if (!isNumeric(text, from, to)) return to
  while (to + 1 < end && text.charCodeAt(to) === 32 && isGroupStart(text, to + 1)) {
    let next = to + 1
    while (
      next < end &&
      (isDigit(text.charCodeAt(next)) || isUpper(text.charCodeAt(next)) || text.charCodeAt(next) === 45)
    )
      next++
    if (next < end && classOf(text.charCodeAt(next)) === RUN) break
    to = next
  }
  return to
}

function isGroupStart(text: string, at: number): boolean {
  return isDigit(text.charCodeAt(at)) || (isUpper(text.charCodeAt(at)) && isDigit(text.charCodeAt(at + 1)))
}

/** Digits and what groups them; or the country of an IBAN and digits. */
function isNumeric(text: string, from: number, to: number): boolean {
  if (to - from > 24) return false
  const start = isUpper(text.charCodeAt(from)) && isUpper(text.charCodeAt(from + 1)) ? from + 2 : from
  for (let i = start; i < to; i++) {
    const code = text.charCodeAt(i)
    // + - ( )
    if (!isDigit(code) && code !== 43 && code !== 45 && code !== 40 && code !== 41) return false
  }
  return to > start
}

function isUpper(code: number): boolean {
  return code >= 65 && code <= 90
}

/** Punctuation at the end belongs to the sentence or to the brackets around it. */
function trimEnd(text: string, from: number, end: number): number {
  let to = end
  while (to > from && TRAILING.includes(text[to - 1] as string)) {
    // The bracket of a mark is no bracket around it.
    if (endsWithMark(text, to)) break
    to--
  }
  return to
}

const TRAILING = '.,;:)]}>\\'

function isEnd(text: string, at: number, end: number): boolean {
  if (at >= end) return true
  const kind = classOf(text.charCodeAt(at))
  return kind === SPACE || kind === NEWLINE || (kind !== RUN && text.charCodeAt(at) !== 91)
}

/** `$1`, `?`, `%s`, `:name`, `@p1`, `${…}`: a parameter of a query or template, and no value. */
function placeholderEnd(text: string, from: number): number {
  if (!PLACEHOLDER_STARTS.includes(text[from] as string)) return 0
  const found = PLACEHOLDER.exec(text.slice(from, from + 48))
  return found ? from + found[0].length : 0
}

const PLACEHOLDER_STARTS = '$?%:@'
const PLACEHOLDER = /^(?:\$\d{1,2}|\?|%[sdioOj]|:[a-z_]{1,30}|@p\d{1,2}|\$\{[\w.]{1,40}\})(?=$|[\s,;)'"`])/
