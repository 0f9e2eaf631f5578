import { classOf, isQuote, readCharacter, escapedCode, escapedLevel, escapedWidth, CLOSER, RUN } from './chars.ts'

/**
 * A quote as JSON nests it: the character, how many backslashes each nesting put before it, how often it is
 * percent-encoded, and its width with all of that. Packed into a number, because it is read for every value; 0 is none.
 */
export type Quote = number

export const NO_QUOTE: Quote = 0
/** More than any program nests, and what has room in a number. */
const MOST_BACKSLASHES = 255

export function quoteWidth(quote: Quote): number {
  return quote >> 18
}

export function quoteCode(quote: Quote): number {
  return quote & 127
}

function quoteLevel(quote: Quote): number {
  return (quote >> 7) & 7
}

function quoteBackslashes(quote: Quote): number {
  return (quote >> 10) & 255
}

/** The quote that opens at `at`. */
export function readQuote(text: string, at: number, end: number, level: number): Quote {
  const first = text.charCodeAt(at)
  // Asked for every value, most of which have none.
  if (isQuote(first)) return at < end ? first | (1 << 18) : NO_QUOTE
  if (first !== 92 && (first !== 37 || level === 0)) return NO_QUOTE
  let next = at
  let backslashes = 0
  while (next < end && backslashes <= MOST_BACKSLASHES) {
    const read = readCharacter(text, next, level)
    const code = escapedCode(read)
    next += escapedWidth(read)
    if (code === 92) backslashes++
    else if (isQuote(code)) return code | (escapedLevel(read) << 7) | (backslashes << 10) | ((next - at) << 18)
    else return NO_QUOTE
  }
  return NO_QUOTE
}

/**
 * Where the quote closes: the position of its first backslash or of the quote itself, or -1. A quote inside the value
 * has more backslashes than the quote around it, and an apostrophe is followed by a letter.
 */
export function findClosing(text: string, from: number, end: number, quote: Quote): number {
  const level = quoteLevel(quote)
  const own = quoteBackslashes(quote)
  const closing = quoteCode(quote)
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
      if (code === closing && closes(backslashes, own) && !isInside(text, next, end, quote)) {
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

/** Each nesting of JSON doubles the backslashes of a value and adds one to those of its quotes. */
function closes(backslashes: number, own: number): boolean {
  return own === 0 ? (backslashes & 1) === 0 : backslashes % (2 * (own + 1)) === own
}

function isInside(text: string, next: number, end: number, quote: Quote): boolean {
  if (next >= end) return false
  const code = text.charCodeAt(next)
  // 'it''s', as SQL writes it, and it's.
  if (quoteCode(quote) === 39 && code === 39) return true
  return quoteLevel(quote) === 0 && classOf(code) === RUN && code !== 46 && code !== 45
}

/** Does this quote end a value that it did not begin? Then nothing of the value can follow it. */
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
