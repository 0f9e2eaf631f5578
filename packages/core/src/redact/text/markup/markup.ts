// Secrets inside larger forms: XML elements and SQL rows.
import { HARMLESS, SECRET_IN_QUERY } from '../../names/names.ts'
import { judgeSlice } from '../../names/name-book.ts'
import { REDACTED } from '../../marks.ts'
import { classOf, isNewline, isQuote, isSpace, RUN } from '../chars.ts'
import { elementNameEnd, localNameStart } from './element-names.ts'
import { hidePrivateKey } from '../tokens/pem.ts'
import { endsValue } from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'

const LONGEST_TAG = 256
export const SECTION = '<![CDATA['

/**
 * Hides the content of an element whose name is secret: `<password>…</password>`, `<ns:apiKey id="1">…`.
 *
 * @param at The position of the `<`.
 * @returns The position to continue at, or -1 when the element is harmless.
 */
export function hideElement(scan: TextScan, at: number): number {
  const { text, end } = scan
  const first = text.charCodeAt(at + 1)
  if (classOf(first) !== RUN && first !== 58) return -1
  const to = elementNameEnd(text, at + 1, end)
  // With anything else after its name, this is not an element.
  if (text.charCodeAt(to) !== 62 && !isSpaceOrNewline(text.charCodeAt(to))) return -1
  const nameFrom = localNameStart(text, at + 1, to)
  const verdict = to > nameFrom ? judgeSlice(scan.names, text, nameFrom, to) : HARMLESS
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return -1
  const open = tagEnd(text, to, end)
  if (open < 0) return -1
  const cdata = text.startsWith(SECTION, open)
  const from = cdata ? open + SECTION.length : open
  const close = cdata ? sectionEnd(scan, from) : text.indexOf('<', from)
  if (close >= 0 && close <= end) return hide(scan, from, close, REDACTED)
  // All words of a PEM key are hidden, however the log was cut.
  const key = text.startsWith(PEM, from) ? hidePrivateKey(scan, from, from + PEM.length) : -1
  return key >= 0 ? key : hide(scan, from, wordEnd(text, from, end), REDACTED)
}

/** Returns where the CDATA section closes, or -1. A failed search is not repeated. */
export function sectionEnd(scan: TextScan, from: number): number {
  if (from >= scan.noSectionEndFrom) return -1
  const close = scan.text.indexOf(']]>', from)
  if (close < 0) scan.noSectionEndFrom = from
  return close
}

const PEM = '-----BEGIN'

/**
 * Returns the end of the first word, which is all that is hidden of an element that never closes: it may be a
 * placeholder (`/users/<token>/keys`) or in a log that was cut.
 */
function wordEnd(text: string, from: number, end: number): number {
  let to = from
  while (to < end && !isSpaceOrNewline(text.charCodeAt(to))) to++
  return to
}

/** Returns the position after the `>`; -1 when the tag closes itself, or another one begins first. */
export function tagEnd(text: string, from: number, end: number): number {
  const limit = Math.min(end, from + LONGEST_TAG)
  for (let i = from; i < limit; i++) {
    const code = text.charCodeAt(i)
    if (code === 62) return text.charCodeAt(i - 1) === 47 ? -1 : i + 1
    if (code === 60) return -1
  }
  return -1
}

const LONGEST_COLUMNS = 1000
/** The longest gap between the columns and `VALUES`, as in indented queries. */
const LONGEST_GAP = 64

/**
 * Hides the literals of `INSERT INTO users (email, password) VALUES ('…', '…')` when the name of a column is secret.
 *
 * @param from Where the word `VALUES` begins.
 * @returns The position to continue at, or -1 when no column is secret.
 */
export function hideRow(scan: TextScan, from: number, to: number): number {
  const { text, end } = scan
  if (!hasSecretColumn(scan, beforeSpaces(text, from))) return -1
  let at = to
  while (at < end) {
    const code = text.charCodeAt(at)
    if (code === 59) break
    if (!isQuote(code)) {
      at++
      continue
    }
    const next = literalEnd(text, at + 1, end, code)
    hide(scan, at + 1, next, REDACTED)
    at = next + 1
  }
  return Math.min(at, end)
}

/**
 * Hides the values of `Key (email, reset_token)=(…, …) already exists.`, as Postgres reports a conflict, when the name
 * of a column is secret.
 *
 * @param sign The position of the `=`.
 * @param open The position of the bracket after it.
 * @returns The position to continue at, or -1 when no column is secret.
 */
export function hideKey(scan: TextScan, sign: number, open: number): number {
  if (!hasSecretColumn(scan, sign - 1)) return -1
  const { text, end } = scan
  let to = open + 1
  // A bracket may be part of a value, and so may a break.
  while (to < end && !endsKey(text, to, end)) to++
  return hide(scan, open + 1, to, REDACTED)
}

function endsKey(text: string, at: number, end: number): boolean {
  return text.charCodeAt(at) === 41 && (text.charCodeAt(at + 1) === 92 || endsValue(text, at + 1, end))
}

/** Returns the position of the last character before `from` that is not a space, within {@link LONGEST_GAP}. */
function beforeSpaces(text: string, from: number): number {
  let at = from - 1
  while (at > 0 && from - at < LONGEST_GAP && isSpaceOrNewline(text.charCodeAt(at))) at--
  return at
}

function isSpaceOrNewline(code: number): boolean {
  return isSpace(code) || isNewline(code)
}

/**
 * True when the list that closes at `close` names a secret. Reads backwards, a name at a time, and gives up at another
 * bracket: two lists never share a character, so all of them together are read once.
 */
function hasSecretColumn(scan: TextScan, close: number): boolean {
  const { text } = scan
  if (text.charCodeAt(close) !== 41) return false
  const earliest = Math.max(scan.done, close - LONGEST_COLUMNS)
  let secret = false
  let to = close
  for (let at = close - 1; at >= earliest; at--) {
    const code = text.charCodeAt(at)
    if (code === 41) return false
    if (code !== 40 && code !== 44) continue
    secret ||= isSecretColumn(scan, at + 1, to)
    if (code === 40) return secret
    to = at
  }
  return false
}

function isSecretColumn({ names, text }: TextScan, from: number, to: number): boolean {
  let start = from
  let stop = to
  while (start < stop && isSpaceOrNewline(text.charCodeAt(start))) start++
  while (stop > start && isSpaceOrNewline(text.charCodeAt(stop - 1))) stop--
  const verdict = judgeSlice(names, text, start, stop)
  return verdict !== HARMLESS && verdict !== SECRET_IN_QUERY
}

/** Returns the position of the closing quote; two quotes in a row are one inside the literal. */
function literalEnd(text: string, from: number, end: number, quote: number): number {
  for (let i = from; i < end; i++) {
    if (text.charCodeAt(i) === 92) i++
    else if (text.charCodeAt(i) === quote) {
      if (text.charCodeAt(i + 1) !== quote) return i
      i++
    }
  }
  return end
}
