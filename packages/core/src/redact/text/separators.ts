// Names, and the values after their separators.
import { COUNTED, HARMLESS, ORDINARY, SECRET, SECRET_IN_QUERY, SECRET_LINE, type Verdict } from '../names/names.ts'
import { judgeSlice } from '../names/name-book.ts'
import { isQuote } from './chars.ts'
import { judgeLabelled } from './labels.ts'
import { hideKey } from './markup/markup.ts'
import { rememberPairs } from './neighbours.ts'
import { hideFlagValue } from './formats/phrases.ts'
import { NO_QUOTE, quoteStart, readQuote } from './quotes.ts'
import { closeName, type TextScan } from './state.ts'
import { authorityStart, hideUserinfo } from './tokens/urls.ts'
import { hideValue } from './values/values.ts'

/**
 * Hides the value after a separator when the run before it is a secret name, or the user of a URL after `://`.
 *
 * @param level The number of times the separator was percent-encoded.
 * @returns The position to continue at.
 */
export function onSeparator(scan: TextScan, at: number, code: number, next: number, level: number): number {
  if (code === 58 && maySlash(scan.text, next)) {
    const authority = authorityStart(scan, next)
    if (authority >= 0) return closeName(scan, hideUserinfo(scan, authority, level))
  }
  if (!scan.named) return next
  scan.named = false
  if (code === 61 && level === 0 && scan.text.charCodeAt(next) === 40) {
    const behind = hideKey(scan, at, next)
    if (behind >= 0) return behind
  }
  const query = scan.before === 63 || scan.before === 38 || scan.before === 35
  const verdict = judgeName(scan, query, at, next, level)
  if (verdict === HARMLESS) {
    const behind = code === 61 && level === 0 ? hideFlagValue(scan, next) : -1
    return behind < 0 ? next : behind
  }
  // This parameter has no value.
  if (query && scan.text.charCodeAt(next) === 38) return next
  const quoteFrom = isQuote(scan.before) ? quoteStart(scan.text, scan.runFrom, level) : -1
  const quote = quoteFrom < 0 ? NO_QUOTE : readQuote(scan.text, quoteFrom, scan.runFrom, level)
  const closed = quote !== NO_QUOTE && readQuote(scan.text, scan.runTo, at, level) !== NO_QUOTE
  return hideValue(scan, next, {
    level,
    verdict: verdictIn(scan, verdict, closed || level > 0 ? -1 : quoteFrom),
    query,
    around: closed ? NO_QUOTE : quote,
    quotedName: closed ? quote : NO_QUOTE,
    quoteFrom,
    nameFrom: nameStart(scan),
  })
}

/** A header in a quoted argument extends to the closing quote: `-H 'X-Api-Key: a b'`. */
function verdictIn({ text }: TextScan, verdict: Verdict, quoteFrom: number): Verdict {
  if (verdict !== SECRET && verdict !== SECRET_IN_QUERY) return verdict
  if (quoteFrom < 3) return SECRET
  return text.startsWith('-H ', quoteFrom - 3) || text.startsWith('--header ', quoteFrom - 9) ? SECRET_LINE : SECRET
}

/** True when a slash may begin here: `/`, `\/`, `%2F`, `%252F`. */
function maySlash(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  if (code !== 37) return code === 47 || code === 92
  const last = text.charCodeAt(at + 2)
  return text.charCodeAt(at + 1) === 50 && (last === 53 || (last | 32) === 102)
}

/** Judges the name before a separator, alone and together with the word before it: `api key: …`. */
function judgeName(scan: TextScan, query: boolean, at: number, next: number, level: number): Verdict {
  const { text } = scan
  const from = nameStart(scan)
  const verdict = judgeSlice(scan.names, text, from, scan.runTo)
  if (verdict === SECRET_IN_QUERY && (query || isFormStart(scan, next))) return verdict
  const alone = verdict === SECRET_IN_QUERY ? HARMLESS : verdict
  // The letter that looked like an escape may be part of the name.
  if (from !== scan.runFrom) return alone === HARMLESS ? judgeWhole(scan) : alone
  if (scan.previousFrom >= 0) {
    const phrase = judgeSlice(scan.phrases, text, scan.previousFrom, scan.runTo)
    if (phrase === ORDINARY) return HARMLESS
    if (alone === HARMLESS && phrase !== HARMLESS) return phrase === COUNTED ? SECRET : phrase
  }
  if (alone !== HARMLESS) return alone
  if (scan.runTo - scan.runFrom === 10) rememberPairs(scan, next)
  return judgeLabelled(scan, at, next, level)
}

function judgeWhole(scan: TextScan): Verdict {
  const whole = judgeSlice(scan.names, scan.text, scan.runFrom, scan.runTo)
  return whole === SECRET_IN_QUERY ? HARMLESS : whole
}

/** Returns where the name begins, without an escape (`\nname`) or a sigil (`$name`) that is glued to it. */
function nameStart(scan: TextScan): number {
  const first = scan.text.charCodeAt(scan.runFrom)
  if (scan.before === 92 && (first === 110 || first === 114 || first === 116)) return scan.runFrom + 1
  return first === 36 && !isQuote(scan.before) ? scan.runFrom + 1 : scan.runFrom
}

const LONGEST_PARAMETER = 512

/** True for the first parameter of a form, which nothing precedes: `code=…&state=…`. */
function isFormStart(scan: TextScan, next: number): boolean {
  if (scan.runFrom !== 0) return false
  const ampersand = scan.text.slice(next, next + LONGEST_PARAMETER).search(/[&\s]/)
  return ampersand > 0 && scan.text[next + ampersand] === '&'
}
