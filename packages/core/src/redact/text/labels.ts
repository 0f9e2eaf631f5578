// Pairs of fields of which one names the other: `{"name": "password", "value": "…"}`, `<add key="password" value="…"/>`.
import { REDACTED } from '../marks.ts'
import { judgeSlice } from '../name-book.ts'
import { COUNTED, HARMLESS, SECRET, SECRET_IN_QUERY, type Verdict } from '../names.ts'
import { classOf, isSpace, isWord, RUN } from './chars.ts'
import { rememberPart } from './parts.ts'
import { NO_QUOTE, quoteWidth, readQuote } from './quotes.ts'
import { awaitLabel, forgetValue, openSlot } from './slots.ts'
import { NEVER, type TextScan } from './state.ts'
import { enterObject, leaveObject, readStrings } from './strings.ts'

/** How far apart the two may stand where no braces hold them together. */
const REACH = 100
/** The same behind a value, with the value. */
const REACH_BACK = 500

/**
 * The verdict on `value` where a label before it says what it is. Remembers labels and values that it meets; the
 * verdict on a value whose label follows it is for the next pass.
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
  if (quote === NO_QUOTE && (from === next || level > 0)) {
    if (level === 0 && length === 4) rememberBarePart(scan, from)
    return HARMLESS
  }
  const start = from + quoteWidth(quote)
  const to = quote === NO_QUOTE ? wordEnd(scan, start) : contentEnd(scan, start, level)
  if (to <= start) return HARMLESS
  const verdict = judgeSlice(scan.names, text, start, to)
  if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) onSecretLabel(scan, to, verdict)
  else if (scan.depth === 0) openSlot(scan).label = HARMLESS
  return HARMLESS
}

/** `form-data; name=password`, which some clients write without quotes. */
function rememberBarePart(scan: TextScan, from: number): void {
  if (!isSpace(scan.text.charCodeAt(scan.runFrom - 1)) || scan.text.charCodeAt(scan.runFrom - 2) !== 59) return
  const to = wordEnd(scan, from)
  const verdict = to > from ? judgeSlice(scan.names, scan.text, from, to) : HARMLESS
  if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) rememberPart(scan, scan.runFrom, to)
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
  const slot = openSlot(scan)
  const found = scan.known?.get(at) ?? (scan.runFrom < slot.labelUntil ? slot.label : HARMLESS)
  // What is hidden already needs no label.
  if (found !== HARMLESS || isHidden(scan, next, level)) forgetValue(scan, slot)
  else awaitLabel(scan, slot, at)
  return found
}

function isHidden({ text, end }: TextScan, next: number, level: number): boolean {
  const from = isSpace(text.charCodeAt(next)) ? next + 1 : next
  const quote = readQuote(text, from, end, level)
  const start = from + quoteWidth(quote)
  return text.startsWith(REDACTED, start) && readQuote(text, start + REDACTED.length, end, level) === quote
}

function onSecretLabel(scan: TextScan, to: number, verdict: Verdict): void {
  followStrings(scan)
  rememberPart(scan, scan.runFrom, to)
  const slot = openSlot(scan)
  if (scan.depth === 0) {
    slot.label = verdict
    slot.labelUntil = to + REACH
  } else if (slot.label === HARMLESS) {
    // Braces say where the value ends; without them it may be all of the line, as that of a cookie is.
    slot.label = verdict === COUNTED ? COUNTED : SECRET
    slot.labelUntil = NEVER
  }
  if (slot.valueAt < 0) return
  const reached = scan.depth > 0 || scan.runFrom - slot.valueAt <= REACH_BACK
  if (reached) (scan.found ??= new Map()).set(slot.valueAt, slot.label)
  forgetValue(scan, slot)
}

/**
 * May the pass end, now that there is enough of its result? Not while a label could follow a value in the wanted part;
 * nor where another pass comes, which has to know the labels of all that it could get to.
 */
export function mayEnd(scan: TextScan): boolean {
  return scan.known !== undefined || (scan.awaited === 0 && scan.found === undefined)
}

/** Follows the braces of objects. */
export function onBrace(scan: TextScan, at: number, opens: boolean, next: number, level: number): void {
  if (opens) enterObject(scan, at, next, level)
  else leaveObject(scan, at)
}

/** A string may have ended since the last brace, and with it an object that was cut. */
function followStrings(scan: TextScan): void {
  if (scan.depth >= 2) readStrings(scan, scan.runFrom)
}
