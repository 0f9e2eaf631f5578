import { REDACTED } from '../../marks.ts'
import { COUNTED, SECRET, type Verdict } from '../../names/names.ts'
import { NEWLINE, RUN, SPACE, classOf, isDigit, isQuote, isWord } from '../chars.ts'
import { NO_QUOTE, quoteWidth, type Quote } from '../quotes.ts'

/** The surroundings of a value. */
export interface Place {
  /** The number of times the separator was percent-encoded; the value's own delimiters are encoded alike. */
  readonly level: number
  readonly verdict: Verdict
  /** True for a parameter of a URL or a form, which ends at `&` and `#`. */
  readonly query: boolean
  /** The quote before the name that also surrounds the value: `-H "Cookie: …"`. */
  readonly around: Quote
  /** The quote of a quoted name, as in JSON: the mark that replaces an object has to be quoted too. */
  readonly quotedName: Quote
  /** Where either of these quotes begins. */
  readonly quoteFrom: number
  /** Where the name begins, for values on the lines below it. */
  readonly nameFrom: number
}

/** The place of a value without a name and a separator: an item of a list, or the argument of a flag. */
export const ALONE: Place = {
  level: 0,
  verdict: SECRET,
  query: false,
  around: NO_QUOTE,
  quotedName: NO_QUOTE,
  quoteFrom: 0,
  nameFrom: 0,
}

/**
 * Returns the mark for a value without quotes of its own, in the quotes of its name, so that the JSON around it can
 * still be parsed.
 */
export function markFor(text: string, { quotedName, quoteFrom }: Place): string {
  if (quotedName === NO_QUOTE) return REDACTED
  const quote = text.slice(quoteFrom, quoteFrom + quoteWidth(quotedName))
  return `${quote}${REDACTED}${quote}`
}

const LONGEST_KEPT = 48
const COUNT = /^[+-]?\d[\d.,_]*n?$/

/** True for values that reveal nothing: a literal, a count, or a placeholder of a query. */
export function keeps(text: string, from: number, to: number, { verdict }: Place): boolean {
  if (to - from > LONGEST_KEPT) return false
  if (isLiteral(text, from, to)) return true
  const first = text.charCodeAt(from)
  if (verdict === COUNTED && (isDigit(first) || first === 43 || first === 45)) return COUNT.test(text.slice(from, to))
  // In quotes, `':name'` is not a placeholder.
  return first !== 58 && placeholderEnd(text, from) === to
}

function isLiteral(text: string, from: number, to: number): boolean {
  switch (to - from) {
    case 3:
      return isWord(text, from, to, 'nil')
    case 4:
      return isWord(text, from, to, 'true') || isWord(text, from, to, 'null') || isWord(text, from, to, 'none')
    case 5:
      return isWord(text, from, to, 'false')
    default:
      return to - from === 9 && isWord(text, from, to, 'undefined')
  }
}

/**
 * Returns the end of a placeholder in a query or template (`$1`, `?`, `%s`, `:name`, `@p1`, `${…}`); 0 when there is
 * none.
 */
export function placeholderEnd(text: string, from: number): number {
  const to = parameterEnd(text, from)
  return to > 0 && endsParameter(text, to) ? to : 0
}

function parameterEnd(text: string, from: number): number {
  const next = from + 1
  switch (text.charCodeAt(from)) {
    case 63: // ?
      return next
    case 36: // $
      return text.charCodeAt(next) === 123 ? templateEnd(text, next + 1) : digitsEnd(text, next)
    case 37: // %s %d %i %o %O %j
      return 'sdioOj'.includes(text[next] ?? ' ') ? next + 1 : 0
    case 58: // :
      return nameEnd(text, next)
    case 64: // @p
      return text.charCodeAt(next) === 112 ? digitsEnd(text, next + 1) : 0
    default:
      return 0
  }
}

/** Returns the end of one or two digits; 0 when there are none. */
function digitsEnd(text: string, from: number): number {
  if (!isDigit(text.charCodeAt(from))) return 0
  return isDigit(text.charCodeAt(from + 1)) ? from + 2 : from + 1
}

function nameEnd(text: string, from: number): number {
  let to = from
  while (to - from < 30 && (isLower(text.charCodeAt(to)) || text.charCodeAt(to) === 95)) to++
  return to > from ? to : 0
}

function templateEnd(text: string, from: number): number {
  let to = from
  while (to - from < 40 && classOf(text.charCodeAt(to)) === RUN && text.charCodeAt(to) < 128) to++
  return to > from && text.charCodeAt(to) === 125 ? to + 1 : 0
}

function isLower(code: number): boolean {
  return code >= 97 && code <= 122
}

function endsParameter(text: string, at: number): boolean {
  if (at >= text.length) return true
  const code = text.charCodeAt(at)
  const kind = classOf(code)
  // , ; ) and quotes
  return kind === SPACE || kind === NEWLINE || code === 44 || code === 59 || code === 41 || isQuote(code)
}
