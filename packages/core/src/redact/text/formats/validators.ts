// Messages of validators about a value that they rejected: Joi's `"pin" with value "…" fails`, Mongoose's
// `Path `pin` (`…`) is`.
import { HARMLESS, SECRET_IN_QUERY } from '../../names/names.ts'
import { judgeSlice } from '../../names/name-book.ts'
import { REDACTED } from '../../marks.ts'
import { RUN, classOf, isQuote, isWord } from '../chars.ts'
import { breakWidth } from '../lines.ts'
import { ALONE } from '../values/place.ts'
import { NO_QUOTE, endsValue, quoteBefore, quoteStart, readQuote } from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'
import { hideValue } from '../values/values.ts'

const LONGEST_NAME = 64
const WITH = ' with '

/** True when the word may be `value` or `path`, by its first letter and its length. */
export function mayReject(first: number, length: number): boolean {
  return first === 118 ? length === 5 : length === 4
}

/**
 * Hides a rejected value in the message of a validator.
 *
 * @returns The position to continue at, or -1 when no secret follows.
 */
export function hideRejected(scan: TextScan, from: number, to: number): number {
  return to - from === 5 ? hideWithValue(scan, from, to) : hideInBrackets(scan, from, to)
}

/** Hides the value after `"pin" with value `. */
function hideWithValue(scan: TextScan, from: number, to: number): number {
  const { text, end } = scan
  const name = from - WITH.length
  if (!isWord(text, from, to, 'value') || !text.startsWith(WITH, name)) return -1
  if (readQuote(text, to + 1, end, 0) === NO_QUOTE || quoteBefore(text, name, 0) === NO_QUOTE) return -1
  const nameTo = quoteStart(text, name, 0)
  let nameFrom = nameTo
  while (nameTo - nameFrom < LONGEST_NAME && classOf(text.charCodeAt(nameFrom - 1)) === RUN) nameFrom--
  return isSecret(scan, nameFrom, nameTo) ? hideValue(scan, to + 1, ALONE) : -1
}

/** Hides the value after `Path `pin` ` and `Path `pin` is invalid `. */
function hideInBrackets(scan: TextScan, from: number, to: number): number {
  const { text, end } = scan
  if (text.charCodeAt(to + 1) !== 96 || !isWord(text, from, to, 'path')) return -1
  const name = to + 2
  let nameTo = name
  while (nameTo < end && nameTo - name < LONGEST_NAME && classOf(text.charCodeAt(nameTo)) === RUN) nameTo++
  if (text.charCodeAt(nameTo) !== 96) return -1
  const open = OPENINGS.find((each) => text.startsWith(each, nameTo + 1))
  if (open === undefined || !isSecret(scan, name, nameTo)) return -1
  const start = nameTo + 1 + open.length
  const quoted = text.charCodeAt(start - 1) === 96
  const stop = quoted ? closingBacktick(text, start, end) : closingBracket(text, start, end)
  return stop > start ? hide(scan, start, stop, REDACTED) : -1
}

const OPENINGS: readonly string[] = [' (`', ' (', ' is invalid (']

/**
 * Returns the position of the backtick that closes the value, before a bracket or a comma: `` (`…`, length 8) ``; the
 * end of a text that was cut before it.
 */
function closingBacktick(text: string, from: number, end: number): number {
  let at = from
  while (
    at < end &&
    !(text.charCodeAt(at) === 96 && (text.charCodeAt(at + 1) === 41 || text.charCodeAt(at + 1) === 44))
  )
    at++
  return at
}

/**
 * Returns the position of the bracket that closes the value. The value may hold brackets itself, and ends with its line
 * at the latest.
 */
function closingBracket(text: string, from: number, end: number): number {
  let at = from
  while (at < end && !closesBracket(text, at, end) && breakWidth(text, at) === 0) at++
  return at
}

function closesBracket(text: string, at: number, end: number): boolean {
  const behind = text.charCodeAt(at + 1)
  return text.charCodeAt(at) === 41 && (behind === 46 || isQuote(behind) || endsValue(text, at + 1, end))
}

function isSecret(scan: TextScan, from: number, to: number): boolean {
  const verdict = judgeSlice(scan.names, scan.text, from, to)
  return verdict !== HARMLESS && verdict !== SECRET_IN_QUERY
}
