// Commands of Redis with their arguments, as its clients report them: `{ name: 'hello', args: ['3', 'AUTH', 'ana', '…'] }`.
import { LONGEST_OPTION, signsIn } from '../commands.ts'
import { REDACTED } from '../marks.ts'
import { bracketEnd } from './blocks.ts'
import { isNewline, isSpace } from './chars.ts'
import { gapEnd } from './lines.ts'
import { NO_QUOTE, quoteStart } from './quotes.ts'
import { hide, type TextScan } from './state.ts'

/** Remembers the list behind `args`. */
export function rememberArguments(scan: TextScan, next: number): void {
  if (next <= scan.argumentsUntil) return
  const bracket = gapEnd(scan.text, next, scan.end)
  if (scan.text.charCodeAt(bracket) === 91) scan.argumentsUntil = bracketEnd(scan.text, bracket, scan.end, 0, NO_QUOTE)
}

/**
 * Hides the arguments behind one that signs in.
 *
 * @param comma The comma behind the argument.
 * @returns Where to go on, or -1 when the argument is another.
 */
export function hideArguments(scan: TextScan, comma: number): number {
  const { text, end, runFrom, runTo } = scan
  if (!signsIn(text.slice(runFrom, Math.min(runTo, runFrom + LONGEST_OPTION)))) return -1
  const from = gapEnd(text, comma + 1, end)
  const closes = scan.argumentsUntil
  let to = text.charCodeAt(closes - 1) === 93 ? closes - 1 : closes
  while (to > from && (isSpace(text.charCodeAt(to - 1)) || isNewline(text.charCodeAt(to - 1)))) to--
  if (to <= from) return -1
  const quote = text.slice(quoteStart(text, runFrom, 0), runFrom)
  return hide(scan, from, to, `${quote}${REDACTED}${quote}`)
}
