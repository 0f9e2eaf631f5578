// Strings as PHP's `var_dump` prints them: on the line below their name, after a type and a length.
import { isDigit, isSpace } from '../chars.ts'
import { breakWidth } from '../lines.ts'

const TYPE = 'string('
const LONGEST_LENGTH = 8

/** Returns the position of the quote in `\n  string(12) "…"`; -1 when something else follows the break at `newline`. */
export function dumpedStringStart(text: string, newline: number): number {
  let at = newline + breakWidth(text, newline)
  while (isSpace(text.charCodeAt(at))) at++
  if (text.charCodeAt(at) !== 115 || !text.startsWith(TYPE, at)) return -1
  const from = at + TYPE.length
  let to = from
  while (to - from < LONGEST_LENGTH && isDigit(text.charCodeAt(to))) to++
  return to > from && text.startsWith(') "', to) ? to + 2 : -1
}
