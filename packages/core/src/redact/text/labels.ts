// Pairs of fields of which one names the other: `{"name": "password", "value": "…"}`, `<add key="password" value="…"/>`.
import { REDACTED } from '../marks.ts'
import { judgeSlice } from '../name-book.ts'
import { HARMLESS, SECRET, SECRET_IN_QUERY, type Verdict } from '../names.ts'
import { classOf, isSpace, isWord, RUN } from './chars.ts'
import { rememberPart } from './parts.ts'
import { NO_QUOTE, quoteWidth, readQuote } from './quotes.ts'
import { NEVER, type TextScan } from './state.ts'
import { enterObject, leaveObject, readStrings } from './strings.ts'

/** How far apart the two may stand where no braces hold them together. */
const REACH = 100
/** The same behind a value, with the value. */
const REACH_BACK = 500

/**
 * The verdict on `value` where a label before it says what it is. Remembers labels and values that it meets; where a
 * label follows its value, it asks for the text to be read again from that value on.
 *
 * @param at The separator.
 * @param next Behind it.
 * @param level How often it was percent-encoded.
 */
export function judgeLabelled(scan: TextScan, at: number, next: number, level: number): Verdict {
  const { text, runFrom, runTo } = scan
  const length = runTo - runFrom
  if (length < 3 || length > 6) return HARMLESS
  if (length === 5 && isWord(text, runFrom, runTo, 'value')) return judgeValue(scan, at, next, level)
  if (!isWord(text, runFrom, runTo, labelOf(length))) return HARMLESS
  let from = next
  while (from < scan.end && isSpace(text.charCodeAt(from))) from++
  const quote = readQuote(text, from, scan.end, level)
  // YAML has no quotes: `name: password`.
  if (quote === NO_QUOTE && (from === next || level > 0)) return HARMLESS
  const start = from + quoteWidth(quote)
  const to = quote === NO_QUOTE ? wordEnd(scan, start) : contentEnd(scan, start, level)
  if (to <= start) return HARMLESS
  const verdict = judgeSlice(scan.names, text, start, to)
  if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) onSecretLabel(scan, to)
  else if (scan.depth === 0) scan.labelUntil = -1
  return HARMLESS
}

function labelOf(length: number): string {
  switch (length) {
    case 3:
      return 'key'
    case 4:
      return 'name'
    case 5:
      return 'field'
    default:
      return 'header'
  }
}

function wordEnd({ text, end }: TextScan, from: number): number {
  let to = from
  while (to < end && classOf(text.charCodeAt(to)) === RUN) to++
  return to
}

const LONGEST_LABEL = 64

/** Words up to a quote; -1 for anything else, which is no name. */
function contentEnd({ text, end }: TextScan, from: number, level: number): number {
  const limit = Math.min(end, from + LONGEST_LABEL)
  let to = from
  while (to < limit && (classOf(text.charCodeAt(to)) === RUN || text.charCodeAt(to) === 32)) to++
  return readQuote(text, to, end, level) === NO_QUOTE ? -1 : to
}

function judgeValue(scan: TextScan, at: number, next: number, level: number): Verdict {
  followStrings(scan)
  if (scan.runFrom < scan.labelUntil && scan.depth === scan.labelDepth) return SECRET
  // What is hidden already needs no label.
  scan.valueAt = isHidden(scan, next, level) ? -1 : at
  scan.valueFrom = scan.runFrom
  scan.valueTo = scan.runTo
  scan.valueBefore = scan.before
  scan.valueDepth = scan.depth
  scan.valueStrings = scan.strings
  scan.valueStringsAt = scan.stringsAt
  scan.valueOut = scan.out
  scan.valueDone = scan.done
  return HARMLESS
}

function isHidden({ text, end }: TextScan, next: number, level: number): boolean {
  const from = isSpace(text.charCodeAt(next)) ? next + 1 : next
  const quote = readQuote(text, from, end, level)
  const start = from + quoteWidth(quote)
  return text.startsWith(REDACTED, start) && readQuote(text, start + REDACTED.length, end, level) === quote
}

function onSecretLabel(scan: TextScan, to: number): void {
  followStrings(scan)
  scan.labelUntil = scan.depth > 0 ? NEVER : to + REACH
  scan.labelDepth = scan.depth
  rememberPart(scan, scan.runFrom, to)
  const reached = scan.depth > 0 || scan.runFrom - scan.valueAt <= REACH_BACK
  if (scan.valueAt >= 0 && scan.valueDepth === scan.depth && reached) scan.again = true
}

/** Could a label yet follow a value that is in the wanted part of the result? */
export function awaitsLabel(scan: TextScan): boolean {
  return scan.valueAt >= 0 && scan.valueOut.length + scan.valueAt - scan.valueDone < scan.enough
}

/**
 * Goes back to the separator behind the last `value`, which is secret after all. No text is read a third time, since a
 * value is gone back to once and the next one stands behind its label.
 */
export function goBack(scan: TextScan): number {
  const at = scan.valueAt
  scan.again = false
  scan.valueAt = -1
  scan.out = scan.valueOut
  scan.done = scan.valueDone
  scan.runFrom = scan.valueFrom
  scan.runTo = scan.valueTo
  scan.before = scan.valueBefore
  scan.strings = scan.valueStrings
  scan.stringsAt = scan.valueStringsAt
  scan.previousFrom = -1
  scan.named = true
  scan.labelUntil = at
  // What was found further on need not be what comes next from here; the rest says itself where it was looked for.
  scan.noAtUntil.fill(-1)
  scan.atEnd = scan.done
  scan.partFrom = NEVER
  return at
}

/** Follows the braces of objects: a label says nothing about another object's value. */
export function onBrace(scan: TextScan, at: number, opens: boolean, next: number, level: number): void {
  if (opens) enterObject(scan, at, next, level)
  else leaveObject(scan, at)
  onDepth(scan)
}

/** A string may have ended since the last brace, and with it an object that was cut. */
function followStrings(scan: TextScan): void {
  if (scan.depth < 2) return
  readStrings(scan, scan.runFrom)
  onDepth(scan)
}

function onDepth(scan: TextScan): void {
  if (scan.depth < scan.labelDepth) scan.labelUntil = -1
  if (scan.depth < scan.valueDepth) scan.valueAt = -1
}
