import { classOf, isQuote, readCharacter, escapedCode, escapedLevel, escapedWidth, CLOSER, RUN } from './chars.ts'

/** A quote as JSON nests it: the character, and how many backslashes each nesting put before it. */
export interface Quote {
  readonly code: number
  readonly backslashes: number
  /** How often it is percent-encoded. */
  readonly level: number
  /** As it was written, to write it again. */
  readonly raw: string
}

/** The quote that opens at `at`, with the position after it. */
export function readQuote(
  text: string,
  at: number,
  end: number,
  level: number,
): { quote: Quote; next: number } | undefined {
  const first = text.charCodeAt(at)
  // Asked for every value, most of which have none.
  if (first !== 92 && !isQuote(first) && (first !== 37 || level === 0)) return undefined
  let next = at
  let backslashes = 0
  while (next < end) {
    const read = readCharacter(text, next, level)
    if (escapedCode(read) !== 92) break
    next += escapedWidth(read)
    backslashes++
  }
  if (next >= end) return undefined
  const read = readCharacter(text, next, level)
  if (!isQuote(escapedCode(read))) return undefined
  next += escapedWidth(read)
  const quote = { code: escapedCode(read), backslashes, level: escapedLevel(read), raw: text.slice(at, next) }
  return { quote, next }
}

/** Behind the quote that opens at `at`, or -1: {@link readQuote} without what is known about the quote. */
export function quoteEnd(text: string, at: number, end: number, level: number): number {
  let next = at
  while (next < end) {
    const read = readCharacter(text, next, level)
    next += escapedWidth(read)
    if (isQuote(escapedCode(read))) return next
    if (escapedCode(read) !== 92) return -1
  }
  return -1
}

/**
 * Where the quote closes: the position of its first backslash or of the quote itself, or -1. A quote inside the value
 * has more backslashes than the quote around it, and an apostrophe is followed by a letter.
 */
export function findClosing(text: string, from: number, end: number, quote: Quote): number {
  let backslashes = 0
  let start = from
  for (let i = from; i < end;) {
    const read = readCharacter(text, i, quote.level)
    const code = escapedCode(read)
    const next = i + escapedWidth(read)
    if (code === 92) {
      if (backslashes++ === 0) start = i
    } else {
      if (code === quote.code && closes(backslashes, quote) && !isInside(text, next, end, quote)) {
        // Backslashes before those of the quote itself belong to the value.
        return backslashes === quote.backslashes
          ? backslashes > 0
            ? start
            : i
          : i - (quote.level > 0 ? 0 : quote.backslashes)
      }
      backslashes = 0
    }
    i = next
  }
  return -1
}

/** Each nesting of JSON doubles the backslashes of a value and adds one to those of its quotes. */
function closes(backslashes: number, quote: Quote): boolean {
  return backslashes % (2 * (quote.backslashes + 1)) === quote.backslashes
}

function isInside(text: string, next: number, end: number, quote: Quote): boolean {
  if (next >= end) return false
  const code = text.charCodeAt(next)
  // 'it''s', as SQL writes it, and it's.
  if (quote.code === 39 && code === 39) return true
  return quote.level === 0 && classOf(code) === RUN && code !== 46 && code !== 45
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
