// Arguments of a command as a YAML list: `- --password⏎  - …`.
import { judgeFlag } from '../../names/flags.ts'
import { HARMLESS } from '../../names/names.ts'
import { isQuote } from '../chars.ts'
import { breakWidth, gapEnd } from '../lines.ts'
import { ALONE } from '../values/place.ts'
import type { TextScan } from '../state.ts'
import { hideValue } from '../values/values.ts'

/**
 * Hides the list item on the line below a flag.
 *
 * @returns The position to continue at, or -1 when no secret follows.
 */
export function hideNextArgument(scan: TextScan, from: number, to: number): number {
  const { text, end } = scan
  if (text.charCodeAt(from + 1) !== 45) return -1
  const quoted = isQuote(text.charCodeAt(to)) ? 1 : 0
  // Most flags are followed by neither a break nor a quote and a break.
  if (breakWidth(text, to + quoted) === 0 || !text.startsWith('- ', from - quoted - 2)) return -1
  const item = gapEnd(text, to + quoted, end)
  if (item + 2 >= end || !text.startsWith('- ', item)) return -1
  const value = item + 2
  const first = text.charCodeAt(isQuote(text.charCodeAt(value)) ? value + 1 : value)
  if (first === 45 || judgeFlag(scan.names, text, from, to) === HARMLESS) return -1
  return hideValue(scan, value, ALONE)
}
