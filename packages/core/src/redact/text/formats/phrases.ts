// Secrets that follow a word rather than a separator.
import { HARMLESS } from '../../names/names.ts'
import { judgeFlag, pairSeparator } from '../../names/flags.ts'
import { REDACTED, markWidth } from '../../marks.ts'
import { bareEnd } from '../values/bare.ts'
import { ALONE } from '../values/place.ts'
import { hideValue } from '../values/values.ts'
import {
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isDigit,
  isLetter,
  isNewline,
  isQuote,
  isSpace,
  isWord,
  readCharacter,
  readEscape,
  RUN,
  SPACE,
} from '../chars.ts'
import { tokenEnd } from '../tokens/opaque.ts'
import { NO_QUOTE, quoteCode, quoteWidth, readQuote } from '../quotes.ts'
import { hide, holdsDigitOrCapital, type TextScan } from '../state.ts'

/** Returns the position after the spaces that follow a word, which may be encoded. */
function afterSpaces(scan: TextScan, from: number): number {
  // Most often, one space and a word follow.
  if (scan.text.charCodeAt(from) === 32 && isLetter(scan.text.charCodeAt(from + 1)) && from + 1 < scan.end)
    return from + 1
  let at = from
  while (at < scan.end && at - from < 12) {
    const raw = scan.text.charCodeAt(at)
    if (raw === 32) {
      at++
      continue
    }
    if (classOf(raw) === RUN) break
    const read = readCharacter(scan.text, at, 4)
    const code = escapedCode(read)
    if (!isSpace(code) && code !== 43) break
    at += escapedWidth(read)
  }
  return at
}

/** Words that follow “bearer” in prose and in the header WWW-Authenticate. */
const NO_TOKEN = /^(?:tokens?|auth\w*|scheme|header|realm|error|credentials?|format|prefix|error_description)$/i
const LONGEST_NO_TOKEN = 32
const LONGEST_WORD = 12

/**
 * Hides the token of `Bearer …` and the credentials of `Basic …` (RFC 6750, RFC 7617) anywhere in text.
 *
 * @returns The position to continue at, or -1 when none follows.
 */
export function hideScheme(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const bearer = to - from === 6
  if (!isWord(text, from, to, bearer ? 'bearer' : 'basic')) return -1
  const start = afterSpaces(scan, to)
  if (start === to) return -1
  if (bearer) {
    const end = tokenEnd(scan, start)
    return isBearer(scan, start, end) ? hide(scan, start, end, REDACTED) : -1
  }
  if (!isGroup(text, start)) return -1
  // In a form, `+` is a space too. The text is judged up to the next one, so that none is read twice.
  const end = text.charCodeAt(to) === 43 ? wordEnd(scan, start) : tokenEnd(scan, start)
  return isBasic(text, start, end) ? hide(scan, start, tokenEnd(scan, end), REDACTED) : -1
}

/** Base64 comes in groups of four; most words after “basic” fail this cheap check. */
function isGroup(text: string, from: number): boolean {
  for (let i = from; i < from + 4; i++) if (base64Value(text.charCodeAt(i)) < 0) return false
  return true
}

function wordEnd({ text, end }: TextScan, from: number): number {
  let at = from
  while (at < end && base64Value(text.charCodeAt(at)) >= 0 && text.charCodeAt(at) !== 43) at++
  return at
}

function isBearer(scan: TextScan, from: number, to: number): boolean {
  const length = to - from
  if (length < 6 || (length <= LONGEST_NO_TOKEN && NO_TOKEN.test(scan.text.slice(from, to)))) return false
  return length >= LONGEST_WORD || holdsDigitOrCapital(scan, from + 1, to)
}

/**
 * True for base64 of `user:password`, not for “Basic training”. Decodes by hand, because `atob` throws, which costs
 * more.
 */
function isBasic(text: string, from: number, to: number): boolean {
  let stop = to
  while (stop > from && to - stop < 2 && text.charCodeAt(stop - 1) === 61) stop--
  const length = stop - from
  if (to - from < 6 || length > 4096 || length % 4 === 1) return false
  let bits = 0
  let pair = false
  for (let i = 0; i < length; i++) {
    const value = base64Value(text.charCodeAt(from + i))
    if (value < 0) return false
    bits = ((bits << 6) | value) & 0xffff
    // Each of the last three characters of a group completes a byte.
    if (i % 4 > 0 && ((bits >> (6 - (i % 4) * 2)) & 255) === 58) pair = true
  }
  return pair
}

function base64Value(code: number): number {
  if (code >= 97 && code <= 122) return code - 71
  if (code >= 65 && code <= 90) return code - 65
  if (code >= 48 && code <= 57) return code + 4
  return code === 43 ? 62 : code === 47 ? 63 : -1
}

/**
 * Hides what follows a flag of a command line: `--password x`, `curl -u user:password`, `curl -b 'sid=…'`.
 *
 * @returns The position to continue at, or -1 when the flag is harmless.
 */
export function hideFlag(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const start = afterSpaces(scan, to)
  if (start === to || start >= scan.end || text.charCodeAt(start) === 45) return -1
  const separator = pairSeparator(text, from, to)
  if (separator > 0) return hidePair(scan, start, separator)
  if (judgeFlag(scan.names, text, from, to) === HARMLESS) return -1
  // In an encoded command, the argument is encoded too.
  const level = text.charCodeAt(to) === 37 ? escapedLevel(readEscape(text, to)) : 0
  return hideValue(scan, start, level === 0 ? ALONE : { ...ALONE, level })
}

/** Hides the argument of `--user=name:password`. Returns the position to continue at, or -1 for any other flag. */
export function hideFlagValue(scan: TextScan, next: number): number {
  const { text, runFrom, runTo } = scan
  if (text.charCodeAt(runFrom) !== 45 || runTo - runFrom < SHORTEST_LONG_FLAG) return -1
  const separator = pairSeparator(text, runFrom, runTo)
  return separator > 0 ? hidePair(scan, next, separator) : -1
}

/** The length of `--user`. */
const SHORTEST_LONG_FLAG = 6

/** Hides `user:password` or `name=value`; a user or a branch alone is harmless. */
function hidePair(scan: TextScan, from: number, separator: number): number {
  if (markWidth(scan.text, from) > 0) return -1
  const { text, end } = scan
  const quote = readQuote(text, from, end, 0)
  const closing = quote === NO_QUOTE || text.charCodeAt(from) === 38 ? -1 : quoteCode(quote)
  const to = closing < 0 ? bareEnd(scan, from, ALONE) : end
  for (let i = from + quoteWidth(quote); i < to; i++) {
    const code = text.charCodeAt(i)
    if (code === separator) return hideValue(scan, from, ALONE)
    if (code === closing || isNewline(code)) return -1
  }
  return -1
}

/**
 * True for words whose value follows without a separator: `IDENTIFIED BY '…'`, `PASSWORD '…'`, `your password is …`.
 */
function namesNext(text: string, from: number, to: number): boolean {
  switch (to - from) {
    case 3:
      return isWord(text, from, to, 'pwd')
    case 6:
      return isWord(text, from, to, 'secret') || isWord(text, from, to, 'passwd')
    case 8:
      return isWord(text, from, to, 'password')
    default:
      return isWord(text, from, to, 'passphrase')
  }
}

const SHORTEST_WORD = 8

/**
 * Hides the value after a word that names it.
 *
 * @returns The position to continue at, or -1 when no secret follows.
 */
export function hideAfterName(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const start = afterSpaces(scan, to)
  if (start === to || start >= scan.end) return -1
  const named = namesNext(text, from, to)
  if (isQuote(text.charCodeAt(start))) {
    return named || (isWord(text, from, to, 'by') && followsIdentified(text, from)) ? hideValue(scan, start, ALONE) : -1
  }
  if (!named && !isWord(text, from, to, 'token')) return -1
  const value = afterVerb(scan, start)
  return isMixedWord(scan, value) ? hideValue(scan, value, ALONE) : -1
}

/** Returns the position after `is` or `was` and a few spaces; `from` when there is no such verb. */
function afterVerb({ text }: TextScan, from: number): number {
  const verb = isWord(text, from, from + 2, 'is') ? 2 : isWord(text, from, from + 3, 'was') ? 3 : 0
  if (verb === 0) return from
  let to = from + verb
  while (to - from < 8 && (isSpace(text.charCodeAt(to)) || isNewline(text.charCodeAt(to)))) to++
  return to > from + verb ? to : from
}

function followsIdentified(text: string, from: number): boolean {
  return /identified\s+$/i.test(text.slice(Math.max(0, from - 16), from))
}

/** True for a long word that mixes letters and digits and is not the name of a file: prose has no such words. */
function isMixedWord({ text, end }: TextScan, from: number): boolean {
  let digits = 0
  let letters = 0
  let to = from
  for (; to < end; to++) {
    const code = text.charCodeAt(to)
    if (isDigit(code)) digits++
    else if (isLetter(code)) letters++
    else if (classOf(code) !== RUN) break
    // A dot inside the word makes it the name of a file.
    else if (code === 46 && classOf(text.charCodeAt(to + 1)) === RUN) return false
  }
  return to - from >= SHORTEST_WORD && digits > 0 && letters > 0
}

/** True when the word may be one of those above, or of a validator, by its first letter and its length. */
export function mayLead(first: number, length: number): boolean {
  switch (first) {
    case 118: // value
      return length === 5
    case 98: // by, basic, bearer
      return length === 2 || length === 5 || length === 6
    case 112: // pwd, path, passwd, password, passphrase
      return length === 3 || length === 4 || length === 6 || length === 8 || length === 10
    case 115: // secret
      return length === 6
    default: // token
      return first === 116 && length === 5
  }
}

/** True when a space follows, raw or encoded. This runs for every word. */
export function spaceFollows(scan: TextScan, to: number): boolean {
  const code = to < scan.end ? scan.text.charCodeAt(to) : 0
  if (code !== 37) return classOf(code) === SPACE || code === 43
  // %20, %2520, %2B
  const last = scan.text.charCodeAt(to + 2) | 32
  return scan.text.charCodeAt(to + 1) === 50 && (last === 48 || last === 53 || last === 98)
}
