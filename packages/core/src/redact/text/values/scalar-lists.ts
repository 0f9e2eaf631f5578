// Lists of strings and numbers inside text: `[ '3', 'AUTH', 'ana', '…' ]`, `("a", 1)`.
import { LONGEST_OPTION, signsIn } from '../../values/commands.ts'
import { isQuote } from '../chars.ts'
import { joinedEnd } from './joined.ts'
import { gapEnd } from '../lines.ts'
import { NO_QUOTE, findClosing, quoteBackslashes, quoteWidth, readQuote } from '../quotes.ts'
import type { TextScan } from '../state.ts'
import { skipStringPrefix } from './tuples.ts'

/** The items after an option by which a command signs in. */
export interface SignIn {
  /** The position of the comma after the option, and the end of the last item. */
  readonly comma: number
  readonly to: number
  /** The quote of the option. */
  readonly quote: string
}

export interface ScalarList {
  readonly count: number
  /** True when an item begins with a dash, as a flag does. */
  readonly hasFlag: boolean
  readonly signIn: SignIn | undefined
  readonly isFlat: boolean
  /** The position up to which the list was read. */
  readonly until: number
}

/** Lists in strings of lists are read too, but no character is read more often than this. */
const MAX_READINGS = 3

/**
 * Reads the list that opens at `open`; a list that does not close ends with the text.
 *
 * @returns `undefined` as soon as an item is an object or a list, and when lists were read too often here.
 */
export function readScalars(scan: TextScan, open: number): ScalarList | undefined {
  const { listsUntil } = scan
  let reading = 0
  while (reading < MAX_READINGS && open < (listsUntil[reading] ?? 0)) reading++
  if (reading === MAX_READINGS) return undefined
  const list = readItems(scan.text, open, scan.end)
  listsUntil[reading] = list.until
  return list.isFlat ? list : undefined
}

function readItems(text: string, open: number, end: number): ScalarList {
  const closing = text.charCodeAt(open) === 40 ? 41 : 93
  let count = 0
  let hasFlag = false
  let comma = -1
  let depth = -1
  let quote = ''
  let to = open
  let at = gapEnd(text, open + 1, end)
  while (at < end && text.charCodeAt(at) !== closing) {
    const start = skipStringPrefix(text, at)
    const opening = readQuote(text, start, end, 0)
    // Quotes of another depth are text inside a text, which other rules may change.
    if (opening !== NO_QUOTE && depth >= 0 && quoteBackslashes(opening) !== depth)
      return { count, hasFlag, signIn: undefined, isFlat: false, until: start }
    if (opening !== NO_QUOTE) depth = quoteBackslashes(opening)
    const content = start + quoteWidth(opening)
    const closes = opening === NO_QUOTE ? at : findClosing(text, content, end, opening)
    const itemTo =
      closes < 0 ? end : opening === NO_QUOTE ? at : joinedEnd(text, closes + quoteWidth(opening), end, opening)
    const stop = scalarEnd(text, itemTo, end, closing)
    if (stop < 0) return { count, hasFlag, signIn: undefined, isFlat: false, until: itemTo }
    if (closes < 0) {
      // The text was cut right after a quote, so nothing is known of this item.
      if (content >= end) {
        at = end
        break
      }
      // Other rules may change the content of a string that does not close.
      if (!isPlain(text, content, end)) return { count, hasFlag, signIn: undefined, isFlat: false, until: end }
    }
    count++
    if (text.charCodeAt(content) === 45) hasFlag = true
    to = trimGap(text, itemTo, stop, end)
    at = stop
    if (text.charCodeAt(stop) !== 44 || stop >= end) break
    if (
      comma < 0 &&
      opening !== NO_QUOTE &&
      to === closes + quoteWidth(opening) &&
      closes - content <= LONGEST_OPTION
    ) {
      if (signsIn(text.slice(content, closes))) {
        comma = stop
        quote = text.slice(start, content)
      }
    }
    at = gapEnd(text, stop + 1, end)
  }
  return {
    count,
    hasFlag,
    signIn: comma >= 0 && to > comma ? { comma, to, quote } : undefined,
    isFlat: true,
    until: at,
  }
}

/** Returns the position of the comma or the bracket after an item; -1 when another string or bracket comes first. */
function scalarEnd(text: string, from: number, end: number, closing: number): number {
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code === 44 || code === closing) return at
    if (isQuote(code) || isBracket(code)) return -1
  }
  return end
}

/** True when the span holds neither quotes nor brackets. */
function isPlain(text: string, from: number, end: number): boolean {
  let at = from
  while (at < end && !isQuote(text.charCodeAt(at)) && !isBracket(text.charCodeAt(at))) at++
  return at === end
}

/** ( ) [ ] { } */
function isBracket(code: number): boolean {
  return code === 40 || code === 41 || code === 91 || code === 93 || code === 123 || code === 125
}

/** Returns where an item ends, without the spaces and breaks before `to`. */
function trimGap(text: string, from: number, to: number, end: number): number {
  let last = from
  for (let at = from; at < to;) {
    const next = gapEnd(text, at, end)
    if (next === at) last = ++at
    else at = next
  }
  return Math.min(last, to)
}
