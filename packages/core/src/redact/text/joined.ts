// Pieces that `+` joins to one text, as Node's `util.inspect` prints those of several lines.
import { gapEnd } from './lines.ts'
import { NO_QUOTE, findClosing, quoteWidth, readQuote } from './quotes.ts'

/**
 * Where the last piece ends of a text whose first one ends at `from`: `'a\n' +⏎  'b\n' +⏎  'c'`. `from` itself when
 * nothing is joined to it, the end of the text when a piece does not close.
 */
export function joinedEnd(text: string, from: number, end: number): number {
  let to = from
  for (;;) {
    const sign = gapEnd(text, to, end)
    if (sign >= end || text.charCodeAt(sign) !== 43) return to
    const start = gapEnd(text, sign + 1, end)
    const quote = readQuote(text, start, end, 0)
    if (quote === NO_QUOTE) return to
    const closing = findClosing(text, start + quoteWidth(quote), end, quote)
    if (closing < 0) return end
    to = closing + quoteWidth(quote)
  }
}
