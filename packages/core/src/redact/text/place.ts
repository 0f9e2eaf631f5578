import { COUNTED, type Verdict } from '../names.ts'
import { isDigit } from './chars.ts'
import type { Quote } from './quotes.ts'

/** What is known about the place of a value. */
export interface Place {
  /** How often the separator was percent-encoded; the value's own delimiters are too. */
  readonly level: number
  readonly verdict: Verdict
  /** A parameter of a URL or form: ends at `&` and `#`. */
  readonly query: boolean
  /** The quote that the name stood behind: `-H "Cookie: …"`. */
  readonly around: Quote | undefined
  /** Written in quotes itself, as in JSON: what replaces an object has to be quoted too. */
  readonly quotedName: Quote | undefined
  /** Where the line of the name begins, for values on the lines below. */
  readonly nameFrom: number
}

const LITERAL = /^(?:true|false|null|undefined|none|nil)$/i

const LITERAL_STARTS = 'tfnuTFNU'
const LONGEST_KEPT = 48
const COUNT = /^[+-]?\d[\d.,_]*n?$/

/** Values that tell nothing: a literal, a number of what is counted, a parameter in place of a value. */
export function keeps(text: string, from: number, to: number, { verdict }: Place): boolean {
  if (to - from > LONGEST_KEPT) return false
  const first = text.charCodeAt(from)
  if (LITERAL_STARTS.includes(text[from] as string) && LITERAL.test(text.slice(from, to))) return true
  if (verdict === COUNTED && (isDigit(first) || first === 43 || first === 45)) return COUNT.test(text.slice(from, to))
  // `':name'` in quotes is no parameter.
  return first !== 58 && placeholderEnd(text, from) === to
}

/** `$1`, `?`, `%s`, `:name`, `@p1`, `${…}`: a parameter of a query or template, and no value. */
export function placeholderEnd(text: string, from: number): number {
  if (!PLACEHOLDER_STARTS.includes(text[from] as string)) return 0
  const found = PLACEHOLDER.exec(text.slice(from, from + 48))
  return found ? from + found[0].length : 0
}

const PLACEHOLDER_STARTS = '$?%:@'
const PLACEHOLDER = /^(?:\$\d{1,2}|\?|%[sdioOj]|:[a-z_]{1,30}|@p\d{1,2}|\$\{[\w.]{1,40}\})(?=$|[\s,;)'"`])/
