// Values without quotes: where they end in prose, logs, forms and URLs.
import { REDACTED, endsWithMark } from '../../marks.ts'
import {
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isDigit,
  isQuote,
  readCharacter,
  NEWLINE,
  RUN,
  SPACE,
} from '../chars.ts'
import { startsNewline } from '../lines.ts'
import { keeps, type Place } from './place.ts'
import { NO_QUOTE, endsValue, pieceStart } from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'

/** Hides an unquoted value. Returns the position to continue at. */
export function hideBare(scan: TextScan, from: number, place: Place): number {
  const { text } = scan
  let to = bareEnd(scan, from, place)
  if (place.around !== NO_QUOTE) to = lastPieceEnd(scan, to, place)
  if (place.level === 0 && !place.query) {
    const listed = listEnd(scan, from, to, place)
    if (listed > to) return hide(scan, from, listed, REDACTED)
    const grouped = groupsEnd(scan, from, to)
    to = trimEnd(text, from, grouped > to ? bareEnd(scan, grouped, place) : to)
  }
  if (to <= from) return Math.max(from, to)
  return keeps(text, from, to, place) ? to : hide(scan, from, to, REDACTED)
}

/** Returns the end of the last piece of a value that contains the quote around its name: `-H 'X-Api-Key: a'\\''b'`. */
function lastPieceEnd(scan: TextScan, first: number, place: Place): number {
  let to = first
  while (isQuote(scan.text.charCodeAt(to))) {
    const rest = pieceStart(scan.text, to + 1, scan.end, place.around)
    if (rest === to + 1) break
    to = bareEnd(scan, rest, place)
  }
  return to
}

/** Returns the end of a list of assignments, which is one value: `Stripe-Signature: t=1,v1=…`. */
function listEnd(scan: TextScan, from: number, first: number, place: Place): number {
  const { text, end } = scan
  let to = first
  let sign = assignmentSign(text, from, first)
  // The padding of base64 assigns nothing.
  if (sign < 0 || sign + 1 >= first) return to
  for (;;) {
    // An assigned value may have quotes of its own.
    const at = isQuote(text.charCodeAt(sign + 1)) && text.charCodeAt(to) === text.charCodeAt(sign + 1) ? to + 1 : to
    if (at >= end || text.charCodeAt(at) !== 44) return at
    const name = text.charCodeAt(at + 1) === 32 ? at + 2 : at + 1
    sign = assignmentSign(text, name, Math.min(end, name + LONGEST_KEY))
    if (sign < 0) return at
    to = bareEnd(scan, isQuote(text.charCodeAt(sign + 1)) ? sign + 2 : sign + 1, place)
  }
}

/** Returns the position of the `=` after a name; -1 when there is none. */
function assignmentSign(text: string, from: number, end: number): number {
  let at = from
  while (at < end && classOf(text.charCodeAt(at)) === RUN) at++
  return at > from && at < end && text.charCodeAt(at) === 61 ? at : -1
}

/** Returns where an unquoted value ends: at a space, at a delimiter of its place, or at a quote around it. */
export function bareEnd(scan: TextScan, from: number, place: Place): number {
  const { text, end } = scan
  let at = from
  while (at < end) {
    if (classOf(text.charCodeAt(at)) === RUN) {
      at++
      continue
    }
    const read = readCharacter(text, at, place.level)
    const code = escapedCode(read)
    const next = at + escapedWidth(read)
    const kind = classOf(code)
    if (kind === RUN) at = next
    // Encoded text ends with its parameter.
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

/** True when another `name=` or `name:` follows. */
function isAssignment(text: string, from: number, end: number, level: number): boolean {
  const limit = Math.min(end, from + LONGEST_KEY)
  let at = from
  while (at < limit) {
    if (isKeyPart(text.charCodeAt(at))) at++
    else if (isEncodedBracket(text, at)) at += 3
    else break
  }
  if (at === from || at >= limit) return false
  const code = escapedCode(readCharacter(text, at, level))
  return code === 61 || code === 58
}

/** True for the characters of a key, which in a form include brackets: `user[name]`. */
function isKeyPart(code: number): boolean {
  return classOf(code) === RUN || code === 91 || code === 93
}

/** True for an encoded bracket of a key: `user%5Bname%5D`. */
function isEncodedBracket(text: string, at: number): boolean {
  if (text.charCodeAt(at) !== 37 || text.charCodeAt(at + 1) !== 53) return false
  const last = text.charCodeAt(at + 2) | 32
  return last === 98 || last === 100
}

/** Returns the end of a grouped number, which is one value: `4242 4242 4242 4242`, `+46 70 123 45 67`. */
function groupsEnd(scan: TextScan, from: number, first: number): number {
  const { text, end } = scan
  let to = first
  if (text.charCodeAt(to) !== 32 || !isNumeric(text, from, to)) return to
  while (to + 1 < end && text.charCodeAt(to) === 32 && isGroupStart(text, to + 1)) {
    let next = to + 1
    while (next < end && isGroup(text, next)) next++
    if (next < end && classOf(text.charCodeAt(next)) === RUN) break
    to = next
  }
  return to
}

function isGroup(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  // - ( ) and a dot between digits
  if (code === 45 || code === 40 || code === 41) return true
  return isDigit(code) || isUpper(code) || (code === 46 && isDigit(text.charCodeAt(at + 1)))
}

/** True for a digit, a capital and a digit, or the area code in `+1 (415) 555-2671`. */
function isGroupStart(text: string, at: number): boolean {
  if (text.charCodeAt(at) === 40) return isDigit(text.charCodeAt(at + 1))
  return isDigit(text.charCodeAt(at)) || (isUpper(text.charCodeAt(at)) && isDigit(text.charCodeAt(at + 1)))
}

/** True for digits with the characters that group them, and for the country of an IBAN with digits. */
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

/** Returns the end without trailing punctuation, which belongs to the sentence or to the brackets around the value. */
export function trimEnd(text: string, from: number, end: number): number {
  let to = end
  while (to > from && isTrailing(text.charCodeAt(to - 1))) {
    // This bracket closes a mark.
    if (endsWithMark(text, to)) break
    to--
  }
  return to
}

function isTrailing(code: number): boolean {
  switch (code) {
    case 46: // .
    case 44: // ,
    case 59: // ;
    case 58: // :
    case 41: // )
    case 93: // ]
    case 125: // }
    case 62: // >
    case 92: // \
      return true
    default:
      return false
  }
}

function isEnd(text: string, at: number, end: number): boolean {
  if (at >= end) return true
  const kind = classOf(text.charCodeAt(at))
  return kind === SPACE || kind === NEWLINE || (kind !== RUN && text.charCodeAt(at) !== 91)
}
