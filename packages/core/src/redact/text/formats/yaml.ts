// YAML values after an anchor or a tag, and those that continue on the next lines.
import { classOf, isDigit, isSpace, RUN } from '../chars.ts'
import { backslashesAt, breakWidth, lineEnd, lineStart } from '../lines.ts'

const LONGEST_PROPERTY = 40

/** Returns the position after `&anchor`, `!tag` and the spaces that follow them; `from` itself when there are none. */
export function skipProperties(text: string, from: number): number {
  let at = from
  for (let code = text.charCodeAt(at); code === 38 || code === 33; code = text.charCodeAt(at)) {
    let to = at + 1
    while (to - at < LONGEST_PROPERTY && (classOf(text.charCodeAt(to)) === RUN || text.charCodeAt(to) === 33)) to++
    if (!isSpace(text.charCodeAt(to))) return from
    while (isSpace(text.charCodeAt(to))) to++
    at = to
  }
  return at
}

/**
 * Returns the position after the indicator by which YAML begins a text of several lines, such as `|`, `>-2` or `|2-`,
 * and a comment after it; -1 when there is none.
 */
export function blockIndicatorEnd(text: string, from: number, end: number): number {
  let to = from + 1
  for (let i = 0; i < 2 && isIndicator(text.charCodeAt(to)); i++) to++
  if (isSpace(text.charCodeAt(to))) {
    while (to < end && isSpace(text.charCodeAt(to))) to++
    if (text.charCodeAt(to) === 35) to = commentEnd(text, to, end)
  }
  return breakWidth(text, to) > 0 ? to : -1
}

function isIndicator(code: number): boolean {
  return code === 43 || code === 45 || isDigit(code)
}

const LONGEST_COMMENT = 200

function commentEnd(text: string, from: number, end: number): number {
  let to = from
  while (to < end && to - from < LONGEST_COMMENT && breakWidth(text, to) === 0) to++
  return to
}

/**
 * True when the value that ends at the break `newline` continues on the next line: the name begins its line, and the
 * next line is indented deeper and is not a member, an item or a stack frame.
 */
export function isFolded(text: string, newline: number, nameFrom: number, end: number): boolean {
  const backslashes = backslashesAt(text, newline)
  const start = lineStart(text, nameFrom, backslashes)
  let name = start
  while (name < nameFrom && isLead(text.charCodeAt(name))) name++
  // The name may be two words.
  if (name !== nameFrom && nameFrom - name > LONGEST_PROPERTY) return false
  for (let at = name; at < nameFrom; at++)
    if (classOf(text.charCodeAt(at)) !== RUN && text.charCodeAt(at) !== 32) return false
  const next = newline + breakWidth(text, newline)
  let from = next
  while (from < end && isSpace(text.charCodeAt(from))) from++
  if (from - next <= name - start || text.startsWith('at ', from) || text.startsWith('- ', from)) return false
  const to = lineEnd(text, from, end, backslashes)
  if (to === from) return false
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    // : = { }
    if (code === 58 && (at + 1 >= to || isSpace(text.charCodeAt(at + 1)))) return false
    if (code === 61 && isSpace(text.charCodeAt(at + 1))) return false
    if (code === 123 || code === 125) return false
  }
  return true
}

/** True for the characters before a name in YAML: spaces and the dash of an item. */
function isLead(code: number): boolean {
  return isSpace(code) || code === 45
}
