import { markWidth } from '../marks.ts'
import { COUNTED, HARMLESS, SECRET, SECRET_IN_QUERY, type Verdict } from '../names.ts'
import { judgeSlice, type NameBook } from '../name-book.ts'
import {
  AT,
  CLOSER,
  LESS,
  PERCENT,
  RUN,
  SEPARATOR,
  SPACE,
  classOf,
  escapedCode,
  escapedLevel,
  escapedWidth,
  isDigit,
  isQuote,
  readEscape,
} from './chars.ts'
import { hideEmail } from './email.ts'
import { entityWidth, hideElement, hideRow } from './markup.ts'
import { hideNextItem, hidePathSegment, judgeLabelled } from './neighbours.ts'
import { hideCard, hideIban, mayBeIban } from './numbers.ts'
import { SHORTEST_TOKEN, hideOpaque } from './opaque.ts'
import { hidePrivateKey } from './pem.ts'
import { hideAfterName, hideFlag, hideScheme, mayNameNext, spaceFollows } from './phrases.ts'
import { readQuote, type Quote } from './quotes.ts'
import { createTextScan, type TextScan } from './state.ts'
import { SHORTEST_HOST, authorityStart, hideUserinfo, hideWebhook, mayBeWebhook } from './urls.ts'
import { hideValue } from './values.ts'

/**
 * Hides what is secret in a text, in one pass from left to right. Each rule looks a bounded way back, or as far as the
 * last rule that did, and goes on behind what it consumed; the whole is linear in the text.
 *
 * @param end Where to stop: a mark of an earlier cut may stand behind it.
 */
export function scanText(text: string, end: number, names: NameBook, phrases: NameBook): string {
  const scan = createTextScan(text, end, names, phrases)
  let at = 0
  let before = 0
  while (at < end) {
    const code = text.charCodeAt(at)
    const kind = classOf(code)
    if (kind === RUN) {
      at = readRun(scan, at, before)
      before = 0
      continue
    }
    if (kind === SPACE || kind === CLOSER) at++
    else if (kind === SEPARATOR) at = onSeparator(scan, at, code, at + 1, 0)
    else if (kind === AT) at = closeName(scan, hideEmail(scan, at, 1))
    else if (kind === PERCENT) {
      const escape = readEscape(text, at)
      before = escape === 0 ? code : escapedCode(escape)
      at = onEscape(scan, at, escape)
      continue
    } else if (kind === LESS) {
      const next = hideElement(scan, at)
      at = closeName(scan, next < 0 ? at + 1 : next)
    } else if (code === 91 && markWidth(text, at) > 0) at = closeName(scan, at + markWidth(text, at))
    else {
      const entity = code === 38 ? entityWidth(text, at) : 0
      if (entity > 0) {
        // A quote as HTML writes it.
        at += entity
        before = 34
        continue
      }
      at = onOther(scan, at, code, before)
    }
    before = code
  }
  if (scan.done === 0) return text
  return scan.out + text.slice(scan.done)
}

function closeName(scan: TextScan, at: number): number {
  scan.named = false
  return at
}

/** Punctuation ends a name, unless it joins the name to its value in a path or a list. */
function onOther(scan: TextScan, at: number, code: number, before: number): number {
  let next = -1
  if (scan.named && code === 47) next = hidePathSegment(scan, at)
  else if (scan.named && code === 44 && isQuote(before)) next = hideNextItem(scan, at)
  return closeName(scan, next < 0 ? at + 1 : next)
}

function onEscape(scan: TextScan, at: number, escape: number): number {
  if (escape === 0) return closeName(scan, at + 1)
  const code = escapedCode(escape)
  const next = at + escapedWidth(escape)
  const kind = classOf(code)
  if (kind === SEPARATOR) return onSeparator(scan, at, code, next, escapedLevel(escape))
  if (kind === AT) return closeName(scan, hideEmail(scan, at, escapedWidth(escape)))
  if (kind !== SPACE && kind !== CLOSER && code !== 91 && code !== 93) scan.named = false
  return next
}

/** Reads a run of name characters and asks the rules that begin with one. Returns where to go on. */
function readRun(scan: TextScan, from: number, before: number): number {
  const { text, end } = scan
  let to = from + 1
  while (to < end && classOf(text.charCodeAt(to)) === RUN) to++
  // One space between them: the two words may be one name.
  // `\u0022`, as some write quotes inside JSON.
  if (before === 92 && to - from >= 5 && text.startsWith('u0022', from)) return to - from === 5 ? to : from + 5
  scan.previousFrom = scan.named && from - scan.runTo === 1 && text.charCodeAt(from - 1) === 32 ? scan.runFrom : -1
  scan.runFrom = from
  scan.runTo = to
  scan.before = before
  scan.named = true
  const next = hideRun(scan, from, to)
  if (next < 0) return to
  scan.named = false
  return next
}

function hideRun(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const length = to - from
  const first = text.charCodeAt(from)
  if (isDigit(first)) {
    if (length === 4 || length >= 14) {
      const next = hideCard(scan, from, to)
      if (next >= 0) return next
    }
  } else if (mayBeIban(text, from, to)) {
    const next = hideIban(scan, from)
    if (next >= 0) return next
  }
  if (length >= SHORTEST_HOST && mayBeWebhook(text, to)) {
    const next = hideWebhook(scan, from, to)
    if (next >= 0) return next
  }
  if (length >= SHORTEST_TOKEN) return hideLongRun(scan, from, to)
  if (first === 45) return hideDashes(scan, from, to)
  if (length === 6 && (first | 32) === 118) {
    return /^values$/i.test(text.slice(from, to)) ? hideRow(scan, from, to) : -1
  }
  return spaceFollows(scan, to) ? hideAfterWord(scan, from, to, first | 32) : -1
}

function hideLongRun(scan: TextScan, from: number, to: number): number {
  const { text } = scan
  const next = hideOpaque(scan, from, to)
  if (next >= 0) return next
  return text.endsWith('-----BEGIN', to)
    ? hidePrivateKey(scan, keyStart(scan, from, to), to)
    : hideDashes(scan, from, to)
}

/** With what is glued to it, except for an escaped line break. */
function keyStart(scan: TextScan, from: number, to: number): number {
  return scan.before === 92 && to - from === 11 ? from + 1 : from
}

function hideDashes(scan: TextScan, from: number, to: number): number {
  if (scan.text.charCodeAt(from) !== 45) return -1
  if (to - from === 10 && scan.text.endsWith('-----BEGIN', to)) return hidePrivateKey(scan, from, to)
  return spaceFollows(scan, to) ? hideFlag(scan, from, to) : -1
}

/** Secrets behind a word rather than a separator. */
function hideAfterWord(scan: TextScan, from: number, to: number, first: number): number {
  const length = to - from
  // bearer, basic
  if (first === 98 && (length === 5 || length === 6)) return hideScheme(scan, from, to)
  return mayNameNext(first, length) ? hideAfterName(scan, from, to) : -1
}

function onSeparator(scan: TextScan, at: number, code: number, next: number, level: number): number {
  if (code === 58) {
    const authority = authorityStart(scan, next)
    if (authority >= 0) return closeName(scan, hideUserinfo(scan, authority, level))
  }
  if (!scan.named) return next
  scan.named = false
  const query = scan.before === 63 || scan.before === 38 || scan.before === 35
  const verdict = judgeName(scan, query, next)
  if (verdict === HARMLESS) return next
  // A parameter without a value.
  if (query && scan.text.charCodeAt(next) === 38) return next
  const quotes = isQuote(scan.before) ? quotesOf(scan, at, level) : NO_QUOTES
  return hideValue(scan, next, {
    level,
    verdict: verdict === SECRET_IN_QUERY ? SECRET : verdict,
    query,
    around: quotes.around,
    quotedName: quotes.quotedName,
    nameFrom: scan.runFrom,
  })
}

/** The verdict on the name before a separator, alone or with the word before it: `api key: …`. */
function judgeName(scan: TextScan, query: boolean, next: number): Verdict {
  const { text } = scan
  const from = nameStart(scan)
  const verdict = judgeSlice(scan.names, text, from, scan.runTo)
  if (verdict === SECRET_IN_QUERY && (query || isFormStart(scan, next))) return verdict
  if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) return verdict
  // A glued escape may have been no escape.
  if (from !== scan.runFrom) {
    const whole = judgeSlice(scan.names, text, scan.runFrom, scan.runTo)
    return whole === SECRET_IN_QUERY ? HARMLESS : whole
  }
  if (scan.previousFrom >= 0) {
    const phrase = judgeSlice(scan.phrases, text, scan.previousFrom, scan.runTo)
    if (phrase !== HARMLESS) return phrase === COUNTED ? SECRET : phrase
  }
  return judgeLabelled(scan, next)
}

/** Without the escape (`\nname`) or the sigil (`$name`) that is glued to it. */
function nameStart(scan: TextScan): number {
  const first = scan.text.charCodeAt(scan.runFrom)
  if (scan.before === 92 && (first === 110 || first === 114 || first === 116)) return scan.runFrom + 1
  return first === 36 && !isQuote(scan.before) ? scan.runFrom + 1 : scan.runFrom
}

const LONGEST_PARAMETER = 512

/** A form's first parameter has nothing before it: `code=…&state=…`. */
function isFormStart(scan: TextScan, next: number): boolean {
  if (scan.runFrom !== 0) return false
  const ampersand = scan.text.slice(next, next + LONGEST_PARAMETER).search(/[&\s]/)
  return ampersand > 0 && scan.text[next + ampersand] === '&'
}

interface Quotes {
  /** Opens right before the name and does not close behind it: a header in a command. */
  readonly around: Quote | undefined
  /** Around the name alone: JSON. */
  readonly quotedName: Quote | undefined
}

const NO_QUOTES: Quotes = { around: undefined, quotedName: undefined }

function quotesOf(scan: TextScan, at: number, level: number): Quotes {
  const { text } = scan
  let from = scan.runFrom - (level > 0 ? quoteWidth(text, scan.runFrom) : 1)
  while (from > 0 && text.charCodeAt(from - 1) === 92) from--
  const around = readQuote(text, from, scan.runFrom, level)?.quote
  const closed = around && readQuote(text, scan.runTo, at, level)?.quote
  return closed ? { around: undefined, quotedName: around } : { around, quotedName: undefined }
}

/** The width of the escape that ends here: `%22` or `%2522`. */
function quoteWidth(text: string, to: number): number {
  for (const width of [3, 5, 7, 9]) {
    if (text.charCodeAt(to - width) === 37) return width
  }
  return 1
}
