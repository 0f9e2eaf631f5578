// Commands of Redis with their arguments, as its clients report them: `{ name: 'hello', args: ['3', 'AUTH', 'ana', '…'] }`.
import { MOST_CREDENTIALS } from '../../values/commands.ts'
import { REDACTED } from '../../marks.ts'
import { gapEnd } from '../lines.ts'
import { readScalars } from '../values/scalar-lists.ts'
import { hide, type TextScan } from '../state.ts'

/**
 * Remembers what the list behind `args` has behind an argument that signs in.
 *
 * @returns Could the list be a user and a password?
 */
export function rememberArguments(scan: TextScan, next: number): boolean {
  const { text, end } = scan
  const open = gapEnd(text, next, end)
  const list = text.charCodeAt(open) === 91 ? readScalars(scan, open) : undefined
  if (list?.signIn !== undefined) scan.signIn = list.signIn
  return list !== undefined && list.count <= MOST_CREDENTIALS && !list.hasFlag
}

/**
 * Hides the arguments behind one that signs in.
 *
 * @param comma The comma behind the argument.
 * @returns Where to go on, or -1 when the argument is another.
 */
export function hideArguments(scan: TextScan, comma: number): number {
  const { signIn } = scan
  if (signIn === undefined || signIn.comma !== comma) return -1
  const from = gapEnd(scan.text, comma + 1, scan.end)
  const { quote, to } = signIn
  const mark = `${quote}${REDACTED}`
  // What was hidden before is left as it is, also where it was cut.
  if (scan.text.startsWith(mark, from) && to - from <= mark.length + quote.length) return to
  return hide(scan, from, to, `${mark}${quote}`)
}
