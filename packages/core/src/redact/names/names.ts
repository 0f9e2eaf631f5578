import {
  COUNTED_WORDS,
  EXACT_COUNTED_NAMES,
  EXACT_NAMES,
  FILE_NAME,
  HARMLESS_LOCATIONS,
  HARMLESS_TAILS,
  LAST_LINE_WORDS,
  LAST_WORDS,
  LINE_WORDS,
  NOT_SECRET_BEFORE_LAST,
  NO_SECRET_ENDINGS,
  QUERY_NAMES,
  SECRET_DESPITE_TAIL,
  SECRET_ENDINGS,
  SECRET_LAST_ENDINGS,
  SECRET_LINE_PAIRS,
  SECRET_PAIRS,
  SECRET_WORDS,
  SUSPECT,
  VENDOR_SECRETS,
} from './name-rules.ts'
import { splitWords } from './words.ts'

/** The first of the verdicts on a value by its name: keep it. The text rules still apply. */
export const HARMLESS = 0
/** Hide the value, whatever it is. */
export const SECRET = 1
/** Hide the value unless it is a number: `tokens: 1500` is a count, `tokens: ['…']` holds secrets. */
export const COUNTED = 2
/** Hide the value, which inside text runs to the end of the line. */
export const SECRET_LINE = 3
/** Hide the value only when it is a parameter of a URL or a form. */
export const SECRET_IN_QUERY = 4

/** Keep the value of two words in text whose last one alone would be secret: `low pass`. */
export const ORDINARY = 5

export type Verdict =
  | typeof ORDINARY
  | typeof HARMLESS
  | typeof SECRET
  | typeof COUNTED
  | typeof SECRET_LINE
  | typeof SECRET_IN_QUERY

/** Secret names that the caller added, each as its words with a space around every word. */
export type OwnNames = readonly string[]

export function ownNames(keys: readonly string[]): OwnNames {
  return keys.map((key) => ` ${splitWords(key).join(' ')} `).filter((words) => words.trim() !== '')
}

/** Judges a name by its words, in time linear in its length. A name that is too long is judged by its end. */
export function judgeName(name: string, own: OwnNames): Verdict {
  const short = name.length > LONGEST_NAME ? name.slice(-LONGEST_NAME) : name
  const suspect = SUSPECT.test(short)
  if (!suspect && own.length === 0) return HARMLESS
  const words = splitWords(short)
  if (own.length > 0 && matchesOwn(words, own)) return SECRET
  if (!suspect) return HARMLESS
  if (short.charCodeAt(0) === 36) return judgeVendorName(words)
  if (FILE_NAME.test(short)) return HARMLESS
  return judgeWords(
    words.filter((word) => !isNumber(word)),
    splitWords(short.slice(short.lastIndexOf('.') + 1)).join(' '),
  )
}

const LONGEST_NAME = 128

/**
 * Judges two words of running text as one name: `api key`, also with an encoded space. Only pairs count here, since
 * each word is also judged alone.
 */
export function judgePhrase(phrase: string): Verdict {
  const words = splitWords(phrase.replace(ENCODED_SPACE, ' '))
  const pair = words.slice(-2).join(' ')
  return NOT_SECRET_BEFORE_LAST.has(pair) ? ORDINARY : judgePair(pair, words.at(-1) ?? '')
}

const ENCODED_SPACE = /%(?:25)*2[0b]/gi

function judgeWords(words: readonly string[], leaf: string): Verdict {
  if (EXACT_NAMES.has(leaf)) return SECRET
  if (EXACT_COUNTED_NAMES.has(leaf)) return COUNTED
  const found = findSecret(words)
  if (found.verdict === HARMLESS) return QUERY_NAMES.has(words.join(' ')) ? SECRET_IN_QUERY : HARMLESS
  return found.end < words.length && endsHarmless(words, found.end) ? HARMLESS : found.verdict
}

/** Returns the verdict of the last secret word or pair of a name, and the index after it. */
function findSecret(words: readonly string[]): { verdict: Verdict; end: number } {
  for (let i = words.length - 1; i >= 0; i--) {
    const word = words[i] as string
    const pair = i > 0 ? `${words[i - 1]} ${word}` : ''
    const last = i === words.length - 1
    if (NOT_SECRET_BEFORE_LAST.has(pair)) return { verdict: HARMLESS, end: i }
    const verdict = judgeWord(word, last) || judgePair(pair, word)
    if (verdict !== HARMLESS) return { verdict, end: i + 1 }
  }
  return { verdict: HARMLESS, end: 0 }
}

function judgeWord(word: string, last: boolean): Verdict {
  if (SECRET_WORDS.has(word)) return SECRET
  if (LINE_WORDS.has(word) || (last && LAST_LINE_WORDS.has(word))) return SECRET_LINE
  if (last && LAST_WORDS.has(word)) return SECRET
  if (COUNTED_WORDS.has(word)) return COUNTED
  if (word.length < 5 || NO_SECRET_ENDINGS.has(word)) return HARMLESS
  if (word.startsWith('password') && !word.startsWith('passwordless')) return SECRET
  if (SECRET_ENDINGS.some((ending) => word.endsWith(ending))) return SECRET
  if (last && SECRET_LAST_ENDINGS.some((ending) => word.endsWith(ending))) return SECRET
  if (word.endsWith('tokens')) return COUNTED
  if (RUN_TOGETHER.some((ending) => word.endsWith(ending))) return SECRET
  // `apikeys: 3` is a count.
  return word.endsWith('s') && RUN_TOGETHER.some((ending) => word.slice(0, -1).endsWith(ending)) ? COUNTED : HARMLESS
}

function judgePair(pair: string, word: string): Verdict {
  if (pair === '') return HARMLESS
  if (SECRET_PAIRS.has(pair)) return SECRET
  if (SECRET_LINE_PAIRS.has(pair)) return SECRET_LINE
  // `apiKeys: 3` is a count.
  if (word.endsWith('s') && SECRET_PAIRS.has(pair.slice(0, -1))) return COUNTED
  // `passPhrase` and `pass_word` are single words that are written as two.
  const squeezed = pair.replace(' ', '')
  return SECRET_WORDS.has(squeezed) ? SECRET : LINE_WORDS.has(squeezed) ? SECRET_LINE : HARMLESS
}

const RUN_TOGETHER: readonly string[] = /* @__PURE__ */ (() =>
  [...SECRET_PAIRS, ...SECRET_LINE_PAIRS].map((pair) => pair.replace(' ', '')))()

function endsHarmless(words: readonly string[], end: number): boolean {
  const last = words.at(-1) as string
  if (HARMLESS_LOCATIONS.has(last)) return end === words.length - 1
  if (!HARMLESS_TAILS.has(last)) return false
  return !SECRET_DESPITE_TAIL.has(words.slice(-2).join(' ')) && !SECRET_DESPITE_TAIL.has(words.slice(-3).join(' '))
}

function judgeVendorName(words: readonly string[]): Verdict {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    if (!VENDOR_SECRETS.has(word) && !VENDOR_SECRETS.has(`${words[i - 1]} ${word}`)) continue
    return i < words.length - 1 && endsHarmless(words, i + 1) ? HARMLESS : SECRET
  }
  return HARMLESS
}

function matchesOwn(words: readonly string[], own: OwnNames): boolean {
  const name = ` ${words.join(' ')} `
  const squeezed = words.join('')
  return own.some((key) => name.includes(key) || squeezed === key.replaceAll(' ', ''))
}

function isNumber(word: string): boolean {
  const code = word.charCodeAt(0)
  return code >= 48 && code <= 57
}
