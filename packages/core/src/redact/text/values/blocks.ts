// Values that nest or span lines: brackets inside text, and indented lines as in YAML.
import { REDACTED } from '../../marks.ts'
import { escapedCode, escapedLevel, escapedWidth, isQuote, readCharacter } from '../chars.ts'
import { backslashesAt, breakWidth, lineEnd, lineStart } from '../lines.ts'
import {
  NO_QUOTE,
  closes,
  closesQuote,
  endsEncoded,
  quoteBackslashes,
  quoteCode,
  quoteWidth,
  readQuote,
  type Quote,
} from '../quotes.ts'
import { hide, type TextScan } from '../state.ts'

/**
 * Returns where the bracket at `from` closes, or the end of the text when it does not. Brackets in strings do not
 * count.
 *
 * @param level The number of times the text was percent-encoded; encoded text ends with its parameter.
 * @param around The quote around all of it, which ends it.
 */
export function bracketEnd(text: string, from: number, end: number, level: number, around: Quote): number {
  let depth = 0
  // The quote that is open, and the last character that is not a space.
  let open = 0
  let last = 0
  let backslashes = 0
  // JSON inside a string escapes all of its quotes alike; a quote with more backslashes is content.
  let outer = -1
  let next: number
  for (let i = from; i < end; i = next) {
    const read = readCharacter(text, i, level)
    let code = escapedCode(read)
    next = i + escapedWidth(read)
    if (level > 0 && escapedLevel(read) === 0 && endsEncoded(text, i, end)) return i
    const entity = code === 38 ? readQuote(text, i, end, 0) : NO_QUOTE
    if (entity !== NO_QUOTE) {
      code = quoteCode(entity)
      next = i + quoteWidth(entity)
    }
    if (entity !== NO_QUOTE || code === 34 || (isQuote(code) && level === 0)) {
      if (around !== NO_QUOTE && code === quoteCode(around) && closesQuote(text, next, end, backslashes, around))
        return level > 0 ? i : i - quoteBackslashes(around)
      if (open === code) {
        if (closes(text, next, end, backslashes, outer)) open = 0
      } else if (open === 0 && (code === 34 || mayOpen(last))) {
        if (outer < 0) outer = backslashes
        if (backslashes % (2 * (outer + 1)) === outer) open = code
      }
    }
    backslashes = code === 92 ? backslashes + 1 : 0
    if (code !== 32 && code !== 92) last = code
    if (open !== 0 || entity !== NO_QUOTE) continue
    // [ {
    if (code === 91 || code === 123) depth++
    // ] }
    else if ((code === 93 || code === 125) && --depth === 0) return next
  }
  return end
}

/** True when a string in apostrophes may begin after this character; the apostrophe of `it's` begins none. */
function mayOpen(last: number): boolean {
  // : [ , = ( { > and breaks
  return (
    last === 58 ||
    last === 91 ||
    last === 44 ||
    last === 61 ||
    last === 40 ||
    last === 123 ||
    last === 62 ||
    last === 10
  )
}

/**
 * Hides the lines after `newline` that are indented deeper than the line of the name, or are items of its list, as in
 * YAML.
 *
 * @returns The position to continue at; `newline` itself when there are no such lines.
 */
export function hideBlock(scan: TextScan, newline: number, nameFrom: number): number {
  const { text, end } = scan
  const backslashes = backslashesAt(text, newline)
  // Computed on demand: most lines are not indented at all, and then the indentation of the name does not matter.
  let outer = -1
  let from = -1
  let to = newline
  let at = newline
  while (at < end) {
    const width = breakWidth(text, at)
    if (width === 0) break
    const start = at + width
    const inner = indentation(text, start, end)
    // A blank line belongs to the block when the next line does.
    if (breakWidth(text, start + inner) > 0) {
      at = start + inner
      continue
    }
    const item = text.charCodeAt(start + inner) === 45 && text.charCodeAt(start + inner + 1) === 32
    if (inner === 0 && !item) break
    if (outer < 0) outer = column(text, lineStart(text, nameFrom, backslashes), nameFrom)
    if (inner <= outer && !(item && inner === outer)) break
    if (from < 0) from = start + inner + (item ? 2 : 0)
    at = lineEnd(text, start + inner, end, backslashes)
    to = at
  }
  if (from < 0 || from >= to) return newline
  // The block was hidden before.
  if (to - from === REDACTED.length && text.startsWith(REDACTED, from)) return to
  return hide(scan, from, to, REDACTED)
}

/**
 * Returns the indentation of a name. When the name is in an item of a list, the items level with its dash are siblings
 * of that item.
 */
function column(text: string, start: number, nameFrom: number): number {
  let at = start + indentation(text, start, nameFrom)
  while (at < nameFrom && text.charCodeAt(at) === 45 && text.charCodeAt(at + 1) === 32) {
    at += 1 + indentation(text, at + 1, nameFrom)
  }
  return at - start
}

function indentation(text: string, from: number, limit: number): number {
  let at = from
  while (at < limit && (text.charCodeAt(at) === 32 || text.charCodeAt(at) === 9)) at++
  return at - from
}
