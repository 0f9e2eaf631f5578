// Secrets whose name stands beside them in a list, a path or a pair of fields.
import { HARMLESS, SECRET, SECRET_IN_QUERY, SECRET_LINE, type Verdict } from '../names.ts'
import { judgeSlice } from '../name-book.ts'
import { REDACTED } from '../marks.ts'
import { classOf, isQuote, isSpace, isWord, RUN } from './chars.ts'
import { readQuote } from './quotes.ts'
import { hide, holdsDigitOrCapital, type TextScan } from './state.ts'
import { hideValue } from './values.ts'

const SHORTEST_SEGMENT = 16

/**
 * Hides a long segment of a path behind one with a secret name: `/reset-password/9f86d081884c7d65`.
 *
 * @param slash The slash after the name.
 * @returns Where to go on, or -1 when there is none.
 */
export function hidePathSegment(scan: TextScan, slash: number): number {
  const { text, end } = scan
  if (scan.runTo !== slash) return -1
  let to = slash + 1
  while (to < end && classOf(text.charCodeAt(to)) === RUN) to++
  if (to - slash <= SHORTEST_SEGMENT || !holdsDigitOrCapital(scan, slash + 1, to)) return -1
  // `token/a8f5.js` is a file.
  if (text.slice(slash + 1, to).includes('.')) return -1
  const verdict = judgeSlice(scan.names, text, scan.runFrom, scan.runTo)
  return verdict === HARMLESS || verdict === SECRET_IN_QUERY ? -1 : hide(scan, slash + 1, to, REDACTED)
}

/**
 * Hides what follows the name of a header in a list, as Node's `rawHeaders` are printed: `"Cookie", "sid=…"`. Other
 * names are as often a list of names alone.
 *
 * @param comma The comma after the quoted name.
 * @returns Where to go on, or -1 when there is none.
 */
export function hideNextItem(scan: TextScan, comma: number): number {
  const { text } = scan
  let from = comma + 1
  while (from < scan.end && isSpace(text.charCodeAt(from))) from++
  const code = text.charCodeAt(from)
  if (!isQuote(code) && code !== 92) return -1
  if (judgeSlice(scan.names, text, scan.runFrom, scan.runTo) !== SECRET_LINE) return -1
  const place = {
    level: 0,
    verdict: SECRET,
    query: false,
    around: undefined,
    quotedName: undefined,
    nameFrom: from,
  } as const
  return hideValue(scan, from, place)
}

/** How far behind its label a value may stand. */
const LABEL_REACH = 100
/** By their length. */
const LABELS: readonly (string | undefined)[] = [undefined, undefined, undefined, 'key', 'name', 'field', 'header']

/**
 * The verdict on `value` where a label before it says what it is: `{"name": "password", "value": "…"}`,
 * `<add key="password" value="…"/>`. Remembers the labels that it meets.
 *
 * @param next Behind the separator.
 */
export function judgeLabelled(scan: TextScan, next: number): Verdict {
  const { text, runFrom, runTo } = scan
  if (runFrom < scan.labelUntil && isWord(text, runFrom, runTo, 'value')) return SECRET
  const label = LABELS[runTo - runFrom]
  if (label === undefined || !isWord(text, runFrom, runTo, label)) return HARMLESS
  let from = next
  while (from < scan.end && isSpace(text.charCodeAt(from))) from++
  const opened = readQuote(text, from, scan.end, 0)
  if (!opened) return HARMLESS
  let to = opened.next
  while (to < scan.end && classOf(text.charCodeAt(to)) === RUN) to++
  const verdict = judgeSlice(scan.names, text, opened.next, to)
  scan.labelUntil = verdict === HARMLESS || verdict === SECRET_IN_QUERY ? -1 : to + LABEL_REACH
  return HARMLESS
}
