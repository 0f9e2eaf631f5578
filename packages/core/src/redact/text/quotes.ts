import {
  classOf,
  isQuote,
  isSpace,
  readCharacter,
  escapedCode,
  escapedLevel,
  escapedWidth,
  CLOSER,
  NEWLINE,
  RUN,
  SPACE,
} from './chars.ts'

/**
 * A quote, possibly nested in JSON: its character (for an HTML entity, its number below), the number of backslashes
 * that nesting put before it, the number of times it was percent-encoded, and its width with all of that. Packed into a
 * number, because one is read for every value; 0 is none.
 */
export type Quote = number

export const NO_QUOTE: Quote = 0
/** More than any program nests, and the most that fits into the number. */
const MAX_BACKSLASHES = 255

export function quoteWidth(quote: Quote): number {
  return quote >> 18
}

export function quoteCode(quote: Quote): number {
  return quote & 127
}

export function quoteLevel(quote: Quote): number {
  return (quote >> 7) & 7
}

export function quoteBackslashes(quote: Quote): number {
  return (quote >> 10) & 255
}

/** Reads the quote that opens at `at`. */
export function readQuote(text: string, at: number, end: number, level: number): Quote {
  const first = text.charCodeAt(at)
  // This runs for every value, most of which have no quote.
  if (isQuote(first)) {
    if (at >= end) return NO_QUOTE
    // An apostrophe is never percent-encoded, but its content is, as many times as the text around it.
    return first | (first === 39 ? level << 7 : 0) | (1 << 18)
  }
  if (first === 38) return at < end ? readEntity(text, at, at) : NO_QUOTE
  if (first !== 92 && (first !== 37 || level === 0)) return NO_QUOTE
  let next = at
  let backslashes = 0
  while (next < end && backslashes <= MAX_BACKSLASHES) {
    const read = readCharacter(text, next, level)
    const code = escapedCode(read)
    next += escapedWidth(read)
    if (code === 92) backslashes++
    else if (isQuote(code)) return code | (escapedLevel(read) << 7) | (backslashes << 10) | ((next - at) << 18)
    else return code === 38 ? readEntity(text, next - 1, at) : NO_QUOTE
  }
  return NO_QUOTE
}

const ENTITIES = ['&quot;', '&#34;', '&#39;', '&apos;', '&#x27;', '&#x22;', '&#034;', '&#039;'] as const

/** True when the quote is written as an HTML entity. */
export function isEntity(code: number): boolean {
  return code <= ENTITIES.length
}

/** Returns the width of a quote that is written as an HTML entity; 0 when there is none. */
export function entityWidth(text: string, at: number): number {
  const index = entityAt(text, at)
  return index < 0 ? 0 : (ENTITIES[index] as string).length
}

/** Decides by single characters, because six comparisons of strings would cost more than the rest of a scan. */
function entityAt(text: string, at: number): number {
  switch (text.charCodeAt(at + 1)) {
    case 113: // q
      return text.startsWith('&quot;', at) ? 0 : -1
    case 97: // a
      return text.charCodeAt(at + 2) === 112 && text.startsWith('&apos;', at) ? 3 : -1
    case 35: // #
      return numericEntityAt(text, at)
    default:
      return -1
  }
}

function numericEntityAt(text: string, at: number): number {
  const prefix = text.charCodeAt(at + 2)
  const hex = prefix === 120
  // PHP writes three digits.
  const padded = prefix === 48
  const from = at + (hex || padded ? 3 : 2)
  if (text.charCodeAt(from + 2) !== 59) return -1
  const first = text.charCodeAt(from)
  const second = text.charCodeAt(from + 1)
  // The codes are 34 and 39, in hexadecimal 22 and 27.
  if (hex) return first !== 50 ? -1 : second === 55 ? 4 : second === 50 ? 5 : -1
  return first !== 51 ? -1 : second === 52 ? (padded ? 6 : 1) : second === 57 ? (padded ? 7 : 2) : -1
}

/** Reads the entity at `at` with its backslashes, which begin at `from`. */
function readEntity(text: string, at: number, from: number): Quote {
  const index = entityAt(text, at)
  if (index < 0) return NO_QUOTE
  return (index + 1) | ((at - from) << 10) | ((at + (ENTITIES[index] as string).length - from) << 18)
}

/** Like {@link findClosing}, for a quote that is written as an entity. */
function findEntity(text: string, from: number, end: number, entity: string, own: number): number {
  let at = text.indexOf(entity, from)
  while (at >= 0 && at < end) {
    let start = at
    while (start > from && text.charCodeAt(start - 1) === 92) start--
    if (closes(text, at + entity.length, end, at - start, own)) return at - own
    at = text.indexOf(entity, at + entity.length)
  }
  return -1
}

/**
 * Returns where the quote closes: the position of its first backslash or of the quote itself, or -1. A quote inside the
 * value has more backslashes than the quote around it, and an apostrophe inside a word is followed by a letter.
 */
export function findClosing(text: string, from: number, end: number, quote: Quote): number {
  const level = quoteLevel(quote)
  const own = quoteBackslashes(quote)
  const closing = quoteCode(quote)
  if (isEntity(closing)) return findEntity(text, from, end, ENTITIES[closing - 1] as string, own)
  let backslashes = 0
  let start = from
  for (let i = from; i < end;) {
    const raw = text.charCodeAt(i)
    if (raw !== 92 && raw !== 37 && raw !== closing) {
      backslashes = 0
      i++
      continue
    }
    const read = readCharacter(text, i, level)
    const code = escapedCode(read)
    const next = i + escapedWidth(read)
    if (code === 92) {
      if (backslashes++ === 0) start = i
    } else {
      if (code === closing && closes(text, next, end, backslashes, own)) {
        const rest = pieceStart(text, next, end, quote)
        if (rest > next) {
          backslashes = 0
          i = rest
          continue
        }
      }
      if (code === closing && closesQuote(text, next, end, backslashes, quote)) {
        // Backslashes before those of the quote itself belong to the value.
        if (backslashes === own) return backslashes > 0 ? start : i
        return i - (level > 0 ? 0 : own)
      }
      backslashes = 0
    }
    i = next
  }
  return -1
}

/**
 * True when a quote after this many backslashes ends the string whose own quotes have `own`. Each nesting of JSON
 * doubles the backslashes of a value and adds one to those of its quotes. Programs that print JSON double them once
 * more, so a double quote after a pair of them ends a string only where one may end.
 */
export function closes(text: string, next: number, end: number, backslashes: number, own: number): boolean {
  if (own === 0 && backslashes > 1 && text.charCodeAt(next - 1) === 34 && !endsMember(text, next, end)) return false
  return own === 0 ? (backslashes & 1) === 0 : backslashes % (2 * (own + 1)) === own
}

/** Like {@link closes}, for one quote; an apostrophe before a letter closes nothing. */
export function closesQuote(text: string, next: number, end: number, backslashes: number, quote: Quote): boolean {
  return closes(text, next, end, backslashes, quoteBackslashes(quote)) && !isInside(text, next, end, quote)
}

/** True where a member or an item of JSON may end. */
function endsMember(text: string, at: number, end: number): boolean {
  if (at >= end) return true
  const code = text.charCodeAt(at)
  const kind = classOf(code)
  // , } ] :
  return kind === SPACE || kind === NEWLINE || code === 44 || code === 125 || code === 93 || code === 58
}

function isInside(text: string, next: number, end: number, quote: Quote): boolean {
  if (next >= end) return false
  const code = text.charCodeAt(next)
  // This is the apostrophe of a word such as `it's`.
  return (quoteLevel(quote) === 0 || quoteWidth(quote) === 1) && classOf(code) === RUN && code !== 46 && code !== 45
}

/**
 * Returns where a value continues after a quote of its own, as languages write that quote inside: doubled (`'it''s'` of
 * SQL and YAML, `"a""b"` of CSV), or escaped between two pieces (`'it'\\''s'` and `'it'"'"'s'` of a shell).
 *
 * @returns `next` itself when the value does not continue.
 */
export function pieceStart(text: string, next: number, end: number, quote: Quote): number {
  const code = text.charCodeAt(next)
  if (next >= end || (!isQuote(code) && code !== 92 && code !== 37)) return next
  const own = quoteCode(quote)
  const level = quoteLevel(quote)
  const second = readQuote(text, next, end, level)
  if (second === NO_QUOTE) return next
  const behind = next + quoteWidth(second)
  if (second === quote) return behind
  if (own !== 39 || quoteBackslashes(quote) > 0) return next
  // The backslash is doubled when the whole command is a JSON string.
  if (quoteCode(second) === 39) return reopens(text, behind, end) ? behind + 1 : next
  if (quoteCode(second) !== 34 || text.charCodeAt(behind) !== 39) return next
  const third = readQuote(text, behind + 1, end, level)
  const last = behind + 1 + quoteWidth(third)
  return quoteCode(third) === 34 && reopens(text, last, end) ? last + 1 : next
}

/** True when another piece opens here, by an apostrophe, which is never percent-encoded. */
function reopens(text: string, at: number, end: number): boolean {
  return at < end && text.charCodeAt(at) === 39
}

/** True when this quote ends a value that it did not begin: nothing of the value can follow it. */
export function endsValue(text: string, next: number, end: number): boolean {
  if (next >= end) return true
  const code = text.charCodeAt(next)
  const kind = classOf(code)
  if (kind === CLOSER) return true
  // Space, newline, and , ; : } > & < |
  return (
    kind === 2 ||
    kind === 3 ||
    code === 44 ||
    code === 59 ||
    code === 58 ||
    code === 125 ||
    code === 62 ||
    code === 38 ||
    code === 60 ||
    code === 124
  )
}

/**
 * True when percent-encoded text ends at this unencoded character. It ends with its parameter; an apostrophe is never
 * encoded, so it may belong to the value.
 */
export function endsEncoded(text: string, at: number, end: number): boolean {
  const code = text.charCodeAt(at)
  if (code === 39) return endsValue(text, at + 1, end)
  return isSpace(code) || isQuote(code) || code === 38
}

/** Returns the quote that ends at `to`; `NO_QUOTE` when there is none. */
export function quoteBefore(text: string, to: number, level: number): Quote {
  return readQuote(text, quoteStart(text, to, level), to, level)
}

/** Returns where the quote that ends at `to` begins. */
export function quoteStart(text: string, to: number, level: number): number {
  let from = to - (level > 0 ? escapeWidth(text, to) : 1)
  while (from > 0 && text.charCodeAt(from - 1) === 92) from--
  return from
}

/** Returns the width of the escape that ends here: `%22` or `%2522`. */
function escapeWidth(text: string, to: number): number {
  for (let width = 3; width <= 9; width += 2) if (text.charCodeAt(to - width) === 37) return width
  return 1
}
