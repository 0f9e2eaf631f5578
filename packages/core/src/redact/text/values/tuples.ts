// Tuples after a secret name, as Python prints them: `auth=('ana', '…')`.
import { isQuote, isSpace } from '../chars.ts'
import { NO_QUOTE, findClosing, quoteWidth, readQuote } from '../quotes.ts'

/**
 * Returns the position after the prefix of a string: Python's `b'…'` and `u'…'`, SQL's `N'…'`. Returns `from` when
 * there is none.
 */
export function skipStringPrefix(text: string, from: number): number {
  const code = text.charCodeAt(from) | 32
  const prefix = code === 98 || code === 110 || code === 114 || code === 117 || code === 102 || code === 101
  return prefix && isQuote(text.charCodeAt(from + 1)) ? from + 1 : from
}

/**
 * Returns the end of the tuple of strings that opens at `from`, or the end of the text when one of its strings does not
 * close.
 *
 * @returns -1 when no string follows the bracket.
 */
export function tupleEnd(text: string, from: number, end: number): number {
  let at = from + 1
  for (;;) {
    const start = skipStringPrefix(text, at)
    const quote = readQuote(text, start, end, 0)
    // The strings read so far are hidden, even if the brackets hold more than strings.
    if (quote === NO_QUOTE) return at > from + 1 ? at : -1
    const closing = findClosing(text, start + quoteWidth(quote), end, quote)
    if (closing < 0) return end
    at = skipSpaces(text, closing + quoteWidth(quote), end)
    if (text.charCodeAt(at) === 44) at = skipSpaces(text, at + 1, end)
    else if (text.charCodeAt(at) !== 41) return at
    if (text.charCodeAt(at) === 41) return at + 1
  }
}

function skipSpaces(text: string, from: number, end: number): number {
  let at = from
  while (at < end && isSpace(text.charCodeAt(at))) at++
  return at
}
