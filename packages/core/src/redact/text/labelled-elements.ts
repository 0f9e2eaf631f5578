// Elements of XML of which one names the next: `<key>password</key><string>…</string>` of a property list.
import { HARMLESS, SECRET_IN_QUERY } from '../names.ts'
import { judgeSlice } from '../name-book.ts'
import { REDACTED } from '../marks.ts'
import { RUN, classOf, isNewline, isSpace } from './chars.ts'
import { hide, type TextScan } from './state.ts'

const LABELS: readonly string[] = ['<key>', '<name>']
const LONGEST_NAME = 64
const LONGEST_GAP = 64

/**
 * Hides the content of the element behind one that holds a secret name.
 *
 * @param at The `<`.
 * @returns Where to go on, or -1 when there is none.
 */
export function hideLabelledElement(scan: TextScan, at: number): number {
  const { text, end } = scan
  const first = text.charCodeAt(at + 1) | 32
  // k, n
  if (first !== 107 && first !== 110) return -1
  const label = LABELS.find((each) => text.slice(at, at + each.length).toLowerCase() === each)
  if (label === undefined) return -1
  const from = at + label.length
  const to = wordEnd(text, from, end)
  if (to === from || text.charCodeAt(to) !== 60 || text.charCodeAt(to + 1) !== 47) return -1
  const verdict = judgeSlice(scan.names, text, from, to)
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return -1
  const start = nextContent(text, to + label.length + 1, end)
  if (start < 0) return -1
  const close = text.indexOf('<', start)
  const stop = close < 0 || close > end ? end : close
  return stop > start ? hide(scan, start, stop, REDACTED) : -1
}

function wordEnd(text: string, from: number, end: number): number {
  let to = from
  while (to < end && to - from < LONGEST_NAME && classOf(text.charCodeAt(to)) === RUN) to++
  return to
}

/** Behind the tag that follows; -1 when something else does. */
function nextContent(text: string, from: number, end: number): number {
  let at = from
  while (at < end && at - from < LONGEST_GAP && (isSpace(text.charCodeAt(at)) || isNewline(text.charCodeAt(at)))) at++
  if (text.charCodeAt(at) !== 60) return -1
  const to = wordEnd(text, at + 1, end)
  return to > at + 1 && text.charCodeAt(to) === 62 ? to + 1 : -1
}
