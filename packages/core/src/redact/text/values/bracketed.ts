// Objects and lists after a secret name.
import { REDACTED } from '../../marks.ts'
import { COUNTED, SECRET_LINE } from '../../names/names.ts'
import { bareEnd, trimEnd } from './bare.ts'
import { bracketEnd } from './blocks.ts'
import { isNewline, isSpace } from '../chars.ts'
import { lineStop } from './line-values.ts'
import { breakWidth } from '../lines.ts'
import { markFor, type Place } from './place.ts'
import { NO_QUOTE, readQuote } from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'

/**
 * Hides a value in brackets.
 *
 * @param from Where the value begins: at its class, or at the bracket.
 * @param open The position of the bracket.
 * @returns The position to continue at.
 */
export function hideBracketed(scan: TextScan, from: number, open: number, place: Place): number {
  const { text } = scan
  const closed = bracketEnd(text, open, scan.end, place.level, place.around)
  if (place.verdict === COUNTED && from === open && holdsCounts(text, open, closed)) return from
  if (place.quotedName !== NO_QUOTE) return hide(scan, from, closed, markFor(text, place))
  if (place.verdict === SECRET_LINE) return hideInLine(scan, from, open, closed, place)
  // In `password=[x]abc`, the bracket opens no list.
  return hide(scan, from, Math.max(closed, trimEnd(text, from, bareEnd(scan, closed, place))), REDACTED)
}

/**
 * Hides brackets after a name whose value takes the rest of the line. They may be an object or a list that ends with
 * them, and are then kept, so that the next pass reads the same; or the beginning of a header, which ends with its
 * line.
 */
function hideInLine(scan: TextScan, from: number, open: number, closed: number, place: Place): number {
  const { text, end } = scan
  const last = text.charCodeAt(closed - 1)
  // ] }
  const whole = place.level === 0 && (last === 93 || last === 125) && endsMember(text, closed, end)
  if (!whole) return hide(scan, from, Math.max(closed, lineStop(scan, closed, place)), REDACTED)
  if (closed - from <= 2) return closed
  return hide(scan, from, closed, `${text[open]}${REDACTED}${text[closed - 1]}`)
}

/** True when the next member follows, or the end of the enclosing object, of its string or of the line. */
function endsMember(text: string, from: number, end: number): boolean {
  if (from >= end || readQuote(text, from, end, 0) !== NO_QUOTE) return true
  let at = from
  while (at < end && isSpace(text.charCodeAt(at))) at++
  if (at >= end || breakWidth(text, at) > 0) return true
  switch (text.charCodeAt(at)) {
    case 44: // ,
    case 125: // }
    case 93: // ]
    case 41: // )
      return true
    case 59: // ;
      return at + 1 >= end || isNewline(text.charCodeAt(at + 1))
    case 60: // <
      return text.charCodeAt(at + 1) === 47
    default:
      return false
  }
}

const LONGEST_COUNTS = 400
const COUNTS =
  /^\{\s*(?:\\{0,8}["']?[\w$.-]{1,40}\\{0,8}["']?\s*[:=]>?\s*(?:-?\d{1,12}(?:\.\d{1,6})?|true|false|null)\s*(?:,\s*|(?=\})))+\}$/

/** True for an object of counts: `tokens: { prompt: 12, completion: 4 }` is treated like `tokens: 16`. */
function holdsCounts(text: string, open: number, closed: number): boolean {
  return closed - open <= LONGEST_COUNTS && COUNTS.test(text.slice(open, closed))
}
