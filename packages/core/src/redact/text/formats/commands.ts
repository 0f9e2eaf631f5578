// Commands of Redis with their arguments, as its clients report them: `{ name: 'hello', args: ['3', 'AUTH', 'ana', '…'] }`.
import { MAX_CREDENTIALS } from '../../values/commands.ts'
import { REDACTED } from '../../marks.ts'
import { gapEnd } from '../lines.ts'
import { readScalars } from '../values/scalar-lists.ts'
import { hide, type TextScan } from '../state.ts'

/**
 * Remembers the credentials that follow an option such as `AUTH` in the list after `args`.
 *
 * @returns True when the list itself may be a user and a password.
 */
export function rememberArguments(scan: TextScan, next: number): boolean {
  const { text, end } = scan
  const open = gapEnd(text, next, end)
  const list = text.charCodeAt(open) === 91 ? readScalars(scan, open) : undefined
  if (list?.signIn !== undefined) scan.signIn = list.signIn
  return list !== undefined && list.count <= MAX_CREDENTIALS && !list.hasFlag
}

/**
 * Hides the arguments after an option that signs in.
 *
 * @param comma The position of the comma after the option.
 * @returns The position to continue at, or -1 after any other argument.
 */
export function hideArguments(scan: TextScan, comma: number): number {
  const { signIn } = scan
  if (signIn === undefined || signIn.comma !== comma) return -1
  const from = gapEnd(scan.text, comma + 1, scan.end)
  const { quote, to } = signIn
  const mark = `${quote}${REDACTED}`
  // Arguments that were hidden before are left as they are, also when the list was cut.
  if (scan.text.startsWith(mark, from) && to - from <= mark.length + quote.length) return to
  return hide(scan, from, to, `${mark}${quote}`)
}
