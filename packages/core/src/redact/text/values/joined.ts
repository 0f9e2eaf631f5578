// Pieces of one string that are joined by `+`, as Node's `util.inspect` prints a string of several lines.
import { gapEnd } from '../lines.ts'
import {
  NO_QUOTE,
  findClosing,
  isEntity,
  quoteBackslashes,
  quoteCode,
  quoteWidth,
  readQuote,
  type Quote,
} from '../quotes.ts'

/**
 * Returns the end of the last piece of a string whose first piece ends at `from`: `'a\n' +⏎  'b\n' +⏎  'c'`. Returns
 * `from` when nothing is joined to it, and the end of the text when a piece does not close.
 *
 * @param first The quote of the first piece.
 */
export function joinedEnd(text: string, from: number, end: number, first: Quote): number {
  let to = from
  for (;;) {
    const sign = gapEnd(text, to, end)
    if (sign >= end || text.charCodeAt(sign) !== 43) return to
    const start = gapEnd(text, sign + 1, end)
    const quote = readQuote(text, start, end, 0)
    if (quote === NO_QUOTE || !mayFollow(quote, first)) return to
    const closing = findClosing(text, start + quoteWidth(quote), end, quote)
    if (closing < 0) return end
    to = closing + quoteWidth(quote)
  }
}

/**
 * True when this piece may follow the first: each has the quotes that its content allows, and all are escaped alike.
 */
function mayFollow(quote: Quote, first: Quote): boolean {
  if (quote === first) return true
  return (
    quoteBackslashes(quote) === quoteBackslashes(first) && !isEntity(quoteCode(quote)) && !isEntity(quoteCode(first))
  )
}
