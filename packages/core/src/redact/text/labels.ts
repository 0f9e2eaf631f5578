// Pairs of fields, one of which names the other: `{"name": "password", "value": "…"}`,
// `<add key="password" value="…"/>`.
import { REDACTED } from '../marks.ts'
import { judgeSlice } from '../names/name-book.ts'
import { COUNTED, HARMLESS, SECRET, SECRET_IN_QUERY, type Verdict } from '../names/names.ts'
import { ARGUMENTS, COMMAND, INPUT, LABEL, NO_ROLE, PATH, VALUE, isName, roleOf, type Role } from '../roles.ts'
import { classOf, isSpace, isWord, RUN } from './chars.ts'
import { rememberArguments } from './formats/commands.ts'
import { holdsOthers, judgePath } from './formats/field-paths.ts'
import { rememberPart } from './formats/parts.ts'
import { NO_QUOTE, quoteWidth, readQuote } from './quotes.ts'
import { awaitLabel, forgetValue, openSlot, type Undecided } from './slots.ts'
import { NEVER, type TextScan } from './state.ts'
import { enterObject, leaveObject, readStrings } from './strings.ts'

/** The largest distance from a label to its value, in characters, where no braces enclose them. */
const REACH = 100
/** The largest distance from a value to the label after it, including the value. */
const REACH_BACK = 500

/**
 * Judges `value` when a label before it names it. Remembers the labels and values that it meets; a value whose label
 * follows is judged in the next pass.
 *
 * @param at The position of the separator.
 * @param next The position after it.
 * @param level The number of times it was percent-encoded.
 */
export function judgeLabelled(scan: TextScan, at: number, next: number, level: number): Verdict {
  const { text, runFrom, runTo } = scan
  const role = roleOf(text, runFrom, runTo)
  switch (role) {
    case NO_ROLE:
      return HARMLESS
    case VALUE:
      return judgeValue(scan, at, next, level, false)
    case INPUT:
      return scan.depth > 0 && !holdsOthers(scan, next, level) ? judgeValue(scan, at, next, level, true) : HARMLESS
    case ARGUMENTS:
      return scan.depth > 0 ? judgeArguments(scan, at, next, level) : HARMLESS
    default:
      if (role === LABEL || scan.depth > 0) readLabel(scan, next, level, role)
      return HARMLESS
  }
}

function readLabel(scan: TextScan, next: number, level: number, role: Role): void {
  const { text } = scan
  let from = next
  while (from < scan.end && isSpace(text.charCodeAt(from))) from++
  if (role === PATH) {
    const verdict = judgePath(scan, from, level)
    if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) onSecretLabel(scan, from, verdict, role)
    return
  }
  const quote = readQuote(text, from, scan.end, level)
  // In YAML the label has no quotes: `name: password`.
  if (quote === NO_QUOTE && (from === next || level > 0)) {
    if (level === 0 && scan.runTo - scan.runFrom === 4) rememberBarePart(scan, from)
    return
  }
  const start = from + quoteWidth(quote)
  const to = quote === NO_QUOTE ? wordEnd(scan, start) : contentEnd(scan, start, level)
  if (to <= start) return
  const isAuth = scan.depth > 0 && isWord(text, start, to, 'auth')
  const byName = isName(role, scan.runFrom, scan.runTo)
  if (role === LABEL) {
    const verdict = judgeSlice(scan.names, text, start, to)
    if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) onSecretLabel(scan, to, verdict, role)
    else if (scan.depth === 0) openSlot(scan).label = HARMLESS
  }
  if (!isAuth || (!byName && role !== COMMAND)) return
  followStrings(scan)
  const slot = openSlot(scan)
  if (byName) slot.isAuth = true
  else slot.isAuthCommand = true
  if (byName || slot.mayBeCredentials) decide(scan, slot.args, SECRET)
}

/** Handles `form-data; name=password`, which some clients write without quotes. */
function rememberBarePart(scan: TextScan, from: number): void {
  if (!isSpace(scan.text.charCodeAt(scan.runFrom - 1)) || scan.text.charCodeAt(scan.runFrom - 2) !== 59) return
  const to = wordEnd(scan, from)
  const verdict = to > from ? judgeSlice(scan.names, scan.text, from, to) : HARMLESS
  if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) rememberPart(scan, scan.runFrom, to)
}

function wordEnd({ text, end }: TextScan, from: number): number {
  let to = from
  while (to < end && classOf(text.charCodeAt(to)) === RUN) to++
  return to
}

const LONGEST_LABEL = 64

/** Returns the end of the words before a closing quote; -1 for anything else, which is not a name. */
function contentEnd({ text, end }: TextScan, from: number, level: number): number {
  const limit = Math.min(end, from + LONGEST_LABEL)
  let to = from
  while (to < limit && (classOf(text.charCodeAt(to)) === RUN || text.charCodeAt(to) === 32)) to++
  return readQuote(text, to, end, level) === NO_QUOTE ? -1 : to
}

function judgeValue(scan: TextScan, at: number, next: number, level: number, isInput: boolean): Verdict {
  followStrings(scan)
  const slot = openSlot(scan)
  const undecided = isInput ? slot.input : slot.value
  const described = scan.runFrom < slot.labelUntil && (slot.isPath || !isInput)
  const found = scan.known?.get(at) ?? (described ? slot.label : HARMLESS)
  // A value that is hidden already needs no label.
  if (found !== HARMLESS || isHidden(scan, next, level)) forgetValue(scan, undecided)
  else awaitLabel(scan, undecided, at)
  return found
}

/**
 * Judges the arguments of `{"name":"auth","args":[…]}`. In those of other commands, a password may follow an option.
 */
function judgeArguments(scan: TextScan, at: number, next: number, level: number): Verdict {
  followStrings(scan)
  const slot = openSlot(scan)
  slot.mayBeCredentials = rememberArguments(scan, next)
  if (slot.isAuth || (slot.isAuthCommand && slot.mayBeCredentials)) return SECRET
  const found = scan.known?.get(at) ?? HARMLESS
  if (found !== HARMLESS || isHidden(scan, next, level)) forgetValue(scan, slot.args)
  else awaitLabel(scan, slot.args, at)
  return found
}

function isHidden({ text, end }: TextScan, next: number, level: number): boolean {
  const from = isSpace(text.charCodeAt(next)) ? next + 1 : next
  const quote = readQuote(text, from, end, level)
  const start = from + quoteWidth(quote)
  return text.startsWith(REDACTED, start) && readQuote(text, start + REDACTED.length, end, level) === quote
}

function onSecretLabel(scan: TextScan, to: number, verdict: Verdict, role: Role): void {
  followStrings(scan)
  if (role === LABEL) rememberPart(scan, scan.runFrom, to)
  const slot = openSlot(scan)
  if (scan.depth === 0) {
    slot.label = verdict
    slot.labelUntil = to + REACH
  } else {
    // Braces show where the value ends. Without them it may be the rest of the line, like that of a cookie.
    if (slot.label === HARMLESS) slot.label = verdict === COUNTED ? COUNTED : SECRET
    slot.labelUntil = NEVER
    slot.isPath ||= role === PATH
  }
  decide(scan, slot.value, slot.label)
  if (slot.isPath) decide(scan, slot.input, slot.label)
}

function decide(scan: TextScan, undecided: Undecided, verdict: Verdict): void {
  if (undecided.at < 0) return
  const reached = scan.depth > 0 || scan.runFrom - undecided.at <= REACH_BACK
  if (reached) (scan.found ??= new Map()).set(undecided.at, verdict)
  forgetValue(scan, undecided)
}

/**
 * True when the pass may end, now that it has enough output. It may not while a label could still follow a value in the
 * wanted part, nor when a second pass is due, which needs the labels of everything that it may reach.
 */
export function mayEnd(scan: TextScan): boolean {
  return scan.known !== undefined || (scan.awaited === 0 && scan.found === undefined)
}

/** Tracks the braces of objects. */
export function onBrace(scan: TextScan, at: number, opens: boolean, next: number, level: number): void {
  if (opens) enterObject(scan, at, next, level)
  else leaveObject(scan, at)
}

/** Catches up with the strings: one may have ended since the last brace, and with it an object that was cut. */
function followStrings(scan: TextScan): void {
  if (scan.depth >= 2) readStrings(scan, scan.runFrom)
}
