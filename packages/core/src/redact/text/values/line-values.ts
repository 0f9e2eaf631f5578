// Values that take the rest of their line, since they may hold spaces: headers, cookies, seed phrases.
import { REDACTED } from '../../marks.ts'
import { judgeSlice } from '../../names/name-book.ts'
import { HARMLESS, SECRET_IN_QUERY } from '../../names/names.ts'
import { hideBare } from './bare.ts'
import { bracketEnd } from './blocks.ts'
import {
  CLOSER,
  RUN,
  SEPARATOR,
  SPACE,
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isNewline,
  isSpace,
  readCharacter,
} from '../chars.ts'
import { NULL_PROTOTYPE, classEnd } from '../formats/inspected.ts'
import { startsNewline } from '../lines.ts'
import type { Place } from './place.ts'
import { NO_QUOTE, endsEncoded, findClosing } from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'
import { skipToValue } from './value-start.ts'

/** Hides the rest of the line, or only the token after a scheme. Returns the position to continue at. */
export function hideLine(scan: TextScan, from: number, place: Place): number {
  const { text } = scan
  const scheme = isSchemeStart(text.charCodeAt(from) | 32) ? SCHEME.exec(text.slice(from, from + 24)) : null
  if (scheme) return hideBare(scan, skipToValue(scan, from + scheme[0].length, place.level), place)
  return hide(scan, from, lineStop(scan, from, place), REDACTED)
}

/** Returns where the line ends, or where the quotes around all of it close. */
export function lineStop(scan: TextScan, from: number, place: Place): number {
  const { text } = scan
  let to = lineEnd(scan, from, place.level)
  const closing = place.around !== NO_QUOTE ? findClosing(text, from, to, place.around) : -1
  if (closing >= 0) to = closing
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--
  return closing < 0 && place.level === 0 ? openedEnd(scan, from, to) : to
}

const LONGEST_START = 128

/**
 * Returns the end of an object or a list that a secret name opens at the end of the line. Its name is hidden with the
 * line, so a later pass could not judge the content by it. Returns `to` when none is opened.
 */
function openedEnd(scan: TextScan, from: number, to: number): number {
  const { text, end } = scan
  const open = to - 1
  const last = text.charCodeAt(open)
  // { [
  if ((last !== 123 && last !== 91) || open <= from) return to
  const limit = Math.max(from, to - LONGEST_START)
  let sign = open - 1
  while (sign > limit && !isSign(text, sign)) sign--
  let value = sign + 1
  while (value < open && (text.charCodeAt(value) === 62 || isSpace(text.charCodeAt(value)))) value++
  if (value !== open && classEnd(text, value, end) !== open) return to
  let nameTo = sign
  while (nameTo > limit && isClosing(classOf(text.charCodeAt(nameTo - 1)))) nameTo--
  let nameFrom = nameTo
  while (nameFrom > limit && classOf(text.charCodeAt(nameFrom - 1)) === RUN) nameFrom--
  const verdict = judgeSlice(scan.names, text, nameFrom, nameTo)
  return verdict === HARMLESS || verdict === SECRET_IN_QUERY ? to : bracketEnd(text, open, end, 0, NO_QUOTE)
}

/** True at `:` and `=`, except for the colon in `[Object: null prototype]`. */
function isSign(text: string, at: number): boolean {
  return classOf(text.charCodeAt(at)) === SEPARATOR && !text.startsWith(NULL_PROTOTYPE, at)
}

function isClosing(kind: number): boolean {
  return kind === CLOSER || kind === SPACE
}

/** Cached for all values of a line, which may hold many headers, each in its own quotes. */
function lineEnd(scan: TextScan, from: number, level: number): number {
  const { text, end } = scan
  if (scan.lineLevel === level && from >= scan.lineFrom && from <= scan.lineEnd) return scan.lineEnd
  let to = from
  while (to < end) {
    const read = readCharacter(text, to, level)
    if (isNewline(escapedCode(read)) || startsNewline(text, to)) break
    // Encoded text ends with its parameter.
    if (level > 0 && escapedLevel(read) === 0 && endsEncoded(text, to, end)) break
    to += escapedWidth(read)
  }
  scan.lineLevel = level
  scan.lineFrom = from
  scan.lineEnd = to
  return to
}

/** Schemes of the Authorization header that are followed by a single token. */
const SCHEME = /^(?:bearer|basic|token|apikey|api-key|negotiate|bot|key)(?: +|\+|%20)(?=\S)/i

/** True for the first letter of a scheme: b, t, a, n or k. */
function isSchemeStart(code: number): boolean {
  return code === 98 || code === 116 || code === 97 || code === 110 || code === 107
}
