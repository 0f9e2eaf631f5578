// Secrets that follow a word rather than a separator.
import { SECRET, HARMLESS } from '../names.ts'
import { judgeSlice } from '../name-book.ts'
import { REDACTED, markWidth } from '../marks.ts'
import { bareEnd } from './bare.ts'
import type { Place } from './place.ts'
import { hideValue } from './values.ts'
import {
  classOf,
  escapedCode,
  escapedWidth,
  isDigit,
  isLetter,
  isNewline,
  isQuote,
  isSpace,
  readCharacter,
  RUN,
  SPACE,
} from './chars.ts'
import { tokenEnd } from './opaque.ts'
import { readQuote } from './quotes.ts'
import { hide, holdsDigitOrCapital, type TextScan } from './state.ts'

const ALONE: Place = { level: 0, verdict: SECRET, query: false, around: undefined, quotedName: undefined, nameFrom: 0 }

/** After a word: past one or more spaces, which may be encoded. */
function afterSpaces(scan: TextScan, from: number): number {
  let at = from
  while (at < scan.end && at - from < 12) {
    const read = readCharacter(scan.text, at, 4)
    const code = escapedCode(read)
    if (!isSpace(code) && code !== 43) break
    at += escapedWidth(read)
  }
  return at
}

/** Words that stand behind “bearer” in prose and in the header WWW-Authenticate. */
const NO_TOKEN = /^(?:tokens?|auth\w*|scheme|header|realm|error|credentials?|format|prefix|error_description)$/i
const LONGEST_WORD = 12

/**
 * Hides the token of `Bearer …` and the credentials of `Basic …` (RFC 6750, RFC 7617) anywhere in text.
 *
 * @returns Where to go on, or -1 when none follows.
 */
export function hideScheme(scan: TextScan, from: number, to: number): number {
  const word = scan.text.slice(from, to).toLowerCase()
  if (word !== 'bearer' && word !== 'basic') return -1
  const start = afterSpaces(scan, to)
  if (start === to) return -1
  const end = tokenEnd(scan, start)
  const token = scan.text.slice(start, end)
  return (word === 'bearer' ? isBearer(scan, token, start, end) : isBasic(token))
    ? hide(scan, start, end, REDACTED)
    : -1
}

function isBearer(scan: TextScan, token: string, from: number, to: number): boolean {
  if (token.length < 6 || NO_TOKEN.test(token)) return false
  return token.length >= LONGEST_WORD || holdsDigitOrCapital(scan, from + 1, to)
}

function isBasic(token: string): boolean {
  if (token.length < 6 || token.length > 4096) return false
  try {
    return atob(token).includes(':')
  } catch {
    // No base64: “Basic training”.
    return false
  }
}

/**
 * Hides what follows a flag of a command line: `--password x`, `curl -u user:password`, `curl -b 'sid=…'`.
 *
 * @returns Where to go on, or -1 when the flag is harmless.
 */
export function hideFlag(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const start = afterSpaces(scan, to)
  if (start === to || start >= scan.end || text.charCodeAt(start) === 45) return -1
  const flag = text.slice(from, Math.min(to, from + 16))
  if (flag === '-u' || flag === '--user' || flag === '-U' || flag === '--proxy-user') return hidePair(scan, start, 58)
  if (flag === '-b') return hidePair(scan, start, 61)
  if (to - from < 5 || text.charCodeAt(from + 1) !== 45) return -1
  const verdict = judgeSlice(scan.names, text, from + 2, to)
  return verdict === HARMLESS ? -1 : hideValue(scan, start, { ...ALONE, verdict: SECRET })
}

/** `user:password` or `name=value`; a user or a branch alone is harmless. */
function hidePair(scan: TextScan, from: number, separator: number): number {
  if (markWidth(scan.text, from) > 0) return -1
  const quote = readQuote(scan.text, from, scan.end, 0)
  const start = quote?.next ?? from
  const to = quote ? scan.end : bareEnd(scan, from, ALONE)
  for (let i = start; i < to; i++) {
    const code = scan.text.charCodeAt(i)
    if (isNewline(code) || code === quote?.quote.code) break
    if (code === separator) return hideValue(scan, from, ALONE)
  }
  return -1
}

/** Words whose value follows without a separator: `IDENTIFIED BY '…'`, `PASSWORD '…'`, `your password is …`. */
const BEFORE_QUOTE = /^(?:password|passwd|pwd|passphrase|secret|by)$/i
const BEFORE_WORD = /^(?:password|passwd|pwd|passphrase|secret|token)$/i
const VERB = /^(?:is|was)\s+/i
const SHORTEST_WORD = 8

/** @returns Where to go on, or -1 when no secret follows. */
export function hideAfterName(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const word = text.slice(from, to)
  const start = afterSpaces(scan, to)
  if (start === to || start >= scan.end) return -1
  if (isQuote(text.charCodeAt(start))) {
    if (!BEFORE_QUOTE.test(word)) return -1
    if (to - from === 2 && !/identified\s+$/i.test(text.slice(Math.max(0, from - 16), from))) return -1
    return hideValue(scan, start, ALONE)
  }
  if (!BEFORE_WORD.test(word)) return -1
  const value = start + (VERB.exec(text.slice(start, start + 8))?.[0].length ?? 0)
  return isMixedWord(scan, value) ? hideValue(scan, value, ALONE) : -1
}

/** Letters and digits in one long word, which is no name of a file: prose has no such words. */
function isMixedWord({ text, end }: TextScan, from: number): boolean {
  let digits = 0
  let letters = 0
  let to = from
  for (; to < end; to++) {
    const code = text.charCodeAt(to)
    if (isDigit(code)) digits++
    else if (isLetter(code)) letters++
    else if (classOf(code) !== RUN) break
    // A dot with something behind it.
    else if (code === 46 && classOf(text.charCodeAt(to + 1)) === RUN) return false
  }
  return to - from >= SHORTEST_WORD && digits > 0 && letters > 0
}

/** Could the word be one of those above? By its first letter and its length. */
export function mayNameNext(first: number, length: number): boolean {
  switch (first) {
    case 98: // by
      return length === 2
    case 112: // pwd, passwd, password, passphrase
      return length === 3 || length === 6 || length === 8 || length === 10
    case 115: // secret
      return length === 6
    default: // token
      return first === 116 && length === 5
  }
}

/** Does a space or an encoded one follow? Asked for every word. */
export function spaceFollows(scan: TextScan, to: number): boolean {
  const code = to < scan.end ? scan.text.charCodeAt(to) : 0
  return classOf(code) === SPACE || code === 43 || code === 37
}
