// Secrets inside larger forms: elements of XML, rows of SQL.
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
 * @param at The `<`.
 * @returns Where to go on, or -1 when the element is harmless.
 */
export function hideElement(scan: TextScan, at: number): number {
  const { text, end } = scan
  const first = text.charCodeAt(at + 1)
  if (classOf(first) !== RUN && first !== 58) return -1
  const to = elementNameEnd(text, at + 1, end)
  // A name that something else follows is none of an element.
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
  // The words of a key in PEM belong together, however the log was cut.
  const key = text.startsWith(PEM, from) ? hidePrivateKey(scan, from, from + PEM.length) : -1
  return key >= 0 ? key : hide(scan, from, wordEnd(text, from, end), REDACTED)
}

/** Where the CDATA section closes, or -1. That none closes is found out once. */
export function sectionEnd(scan: TextScan, from: number): number {
  if (from >= scan.noSectionEndFrom) return -1
  const close = scan.text.indexOf(']]>', from)
  if (close < 0) scan.noSectionEndFrom = from
  return close
}

const PEM = '-----BEGIN'

/** What never closes may be a placeholder (`/users/<token>/keys`) or a log that was cut: its first word is hidden. */
function wordEnd(text: string, from: number, end: number): number {
  let to = from
  while (to < end && !isSpaceOrNewline(text.charCodeAt(to))) to++
  return to
}

/** Behind the `>`; -1 when another tag begins first. */
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
/** As indented queries have it between the columns and `VALUES`. */
const LONGEST_GAP = 64

/**
 * Hides the literals of `INSERT INTO users (email, password) VALUES ('…', '…')` when a column's name is secret.
 *
 * @param from Where the word `VALUES` begins.
 * @returns Where to go on, or -1 when no column is secret.
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
 * Hides the values of `Key (email, reset_token)=(…, …) already exists.`, as Postgres tells of a conflict, when a column's
 * name is secret.
 *
 * @param sign The `=`.
 * @param open The bracket behind it.
 * @returns Where to go on, or -1 when no column is secret.
 */
export function hideKey(scan: TextScan, sign: number, open: number): number {
  if (!hasSecretColumn(scan, sign - 1)) return -1
  const { text, end } = scan
  let to = open + 1
  // A bracket may be one of a value, and a break too.
  while (to < end && !endsKey(text, to, end)) to++
  return hide(scan, open + 1, to, REDACTED)
}

function endsKey(text: string, at: number, end: number): boolean {
  return text.charCodeAt(at) === 41 && (text.charCodeAt(at + 1) === 92 || endsValue(text, at + 1, end))
}

/** The last character before `from` that is no space, within a gap. */
function beforeSpaces(text: string, from: number): number {
  let at = from - 1
  while (at > 0 && from - at < LONGEST_GAP && isSpaceOrNewline(text.charCodeAt(at))) at--
  return at
}

function isSpaceOrNewline(code: number): boolean {
  return isSpace(code) || isNewline(code)
}

/**
 * Does the list that closes at `close` name a secret? Reads backwards, a name at a time, and gives up at another
 * bracket: two lists never share a character, so all of them together are read once.
 */
function hasSecretColumn(scan: TextScan, close: number): boolean {
  const { text } = scan
  if (text.charCodeAt(close) !== 41) return false
  const least = Math.max(scan.done, close - LONGEST_COLUMNS)
  let secret = false
  let to = close
  for (let at = close - 1; at >= least; at--) {
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

/** The closing quote; two of them are one inside the literal. */
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
