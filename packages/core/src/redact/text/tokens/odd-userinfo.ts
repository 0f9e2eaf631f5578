// Userinfo with characters that end other URLs: `<`, `>`, quotes and backslashes, as password managers generate them.
import { markWidth } from '../../marks.ts'
import {
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isDigit,
  isLetter,
  isPlain,
  isQuote,
  readCharacter,
  NEWLINE,
  SPACE,
} from '../chars.ts'
import { startsNewline } from '../lines.ts'
import {
  NO_QUOTE,
  endsEncoded,
  endsValue,
  findClosing,
  quoteBefore,
  quoteCode,
  quoteWidth,
  readQuote,
} from '../quotes.ts'
import { NEVER, type TextScan } from '../state.ts'

/** How many characters after such a character are searched for an `@`. */
const LONGEST_REST = 128
/** A userinfo longer than this without its `@` was cut. */
const LONGEST_CUT = 64

/** A URL that stopped at such a character, its sign, before its host was known. */
export interface Stopped {
  /** The start of its authority, and the position of the sign. */
  readonly from: number
  readonly sign: number
  readonly level: number
  /** The position of the last colon before the sign. */
  readonly colon: number
  /** True when a password, not a port, follows the colon. */
  readonly odd: boolean
  /** True when an `@` precedes the sign. */
  readonly found: boolean
}

/**
 * Returns where the userinfo ends after the sign: at its last `@`, or where the text was cut; -1 when the URL ended at
 * the sign.
 */
export function oddUserinfoEnd(scan: TextScan, url: Stopped): number {
  const { text, end } = scan
  const { sign, level } = url
  if (sign >= end || url.colon < 0 || text.charCodeAt(url.from) === 91) return -1
  const limit = Math.min(end, sign + LONGEST_REST)
  // An earlier search may have covered the same characters.
  let i = Math.max(sign, scan.noOddAtUntil)
  if (limit < end && (i >= limit || (level === 0 && nextAt(scan, sign) >= limit))) return -1
  const opening = isQuote(scan.before) ? quoteBefore(text, scan.runFrom, level) : NO_QUOTE
  const closing = opening === NO_QUOTE ? -1 : findClosing(text, i > sign ? i : url.from, limit, opening)
  const stop = closing < 0 ? limit : closing
  let last = -1
  let doubt = -1
  let doubtful = NO_QUOTE
  let width = 1
  // The position of the first mark, or -1. When a mark follows, the text was not cut inside this URL.
  let mark = -1
  for (; i < stop; i += width) {
    if (isPlain(text.charCodeAt(i))) {
      width = 1
      continue
    }
    const read = readCharacter(text, i, level)
    const code = escapedCode(read)
    width = escapedWidth(read)
    // While a password is expected, more characters may be part of it.
    const open = url.odd && !url.found && last < 0
    if (endsHere(scan, i, read, level)) break
    if (code === 64) {
      last = i
      doubtful = NO_QUOTE
    } else if (code === 91) {
      if (mark < 0 && markWidth(text, i) > 0) mark = i
    } else if (code === 47 || code === 63 || code === 35) {
      if (!open) break
    } else if (code === 60) {
      if (isTag(text, i + width, end, level, !open)) break
    } else if (code === 62) {
      if (scan.before === 60 || url.found || last >= 0) break
    } else if (isQuote(code) || code === 92) {
      const quote = readQuote(text, i, end, level)
      if (quote === NO_QUOTE) {
        if (code === 92 && !open && text.charCodeAt(i + 1) === 47) break
        continue
      }
      width = quoteWidth(quote)
      if (opening !== NO_QUOTE || !endsValue(text, i + width, end)) continue
      // A second quote of this kind shows that the first opened or closed a string; alone it may be part of the
      // password.
      if (!open || quoteCode(doubtful) === quoteCode(quote)) break
      doubtful = quote
      doubt = i
    }
  }
  if (last >= 0) return last
  if (i >= end && mark < 0 && doubtful === NO_QUOTE && url.odd && !url.found && end - url.colon > LONGEST_CUT)
    return end
  const seen = doubtful === NO_QUOTE ? Math.min(i, stop) : doubt
  scan.noOddAtUntil = mark < 0 ? seen : Math.min(mark, seen)
  return -1
}

/** Returns the position of the next `@`, cached for all callers before it. */
function nextAt(scan: TextScan, from: number): number {
  if (from > scan.nextAt) {
    const at = scan.text.indexOf('@', from)
    scan.nextAt = at < 0 ? NEVER : at
  }
  return scan.nextAt
}

function endsHere({ text, end, depth }: TextScan, at: number, read: number, level: number): boolean {
  const kind = classOf(escapedCode(read))
  if (kind === SPACE || kind === NEWLINE) return true
  if (level > 0 && escapedLevel(read) === 0 && endsEncoded(text, at, end)) return true
  // In JSON a backslash of the password is doubled, so this is a line break.
  return depth > 0 && startsNewline(text, at)
}

const LONGEST_TAG = 10

/**
 * True when an HTML tag follows the `<`.
 *
 * @param any Whether an opening tag may have capitals in its name, as a password may look like one.
 */
function isTag(text: string, from: number, end: number, level: number, any: boolean): boolean {
  const closes = escapedCode(readCharacter(text, from, level)) === 47
  let at = closes ? from + escapedWidth(readCharacter(text, from, level)) : from
  const start = at
  while (at < end && at - start <= LONGEST_TAG && isTagCharacter(text.charCodeAt(at), closes || any)) at++
  if (at === start || isDigit(text.charCodeAt(start))) return false
  const code = escapedCode(readCharacter(text, at, level))
  return code === 62 || classOf(code) === SPACE || (code === 47 && !closes)
}

function isTagCharacter(code: number, any: boolean): boolean {
  return (code >= 97 && code <= 122) || isDigit(code) || (any && (isLetter(code) || code === 58 || code === 45))
}
