// Paths to a field that a validator rejected: `"path":["users",0,"password"]`, `"instancePath":"/password"`.
import { markWidth } from '../../marks.ts'
import { HARMLESS, type Verdict } from '../../names/names.ts'
import { judgeSlice } from '../../names/name-book.ts'
import { fieldFrom, fieldTo, isIndex, isPointer, readField } from '../../roles.ts'
import { RUN, classOf, escapedCode, escapedWidth, isNewline, isQuote, isSpace, readCharacter } from '../chars.ts'
import { printsMembers } from './inspected.ts'
import { breakWidth } from '../lines.ts'
import { NO_QUOTE, quoteWidth, readQuote } from '../quotes.ts'
import { readScalars } from '../values/scalar-lists.ts'
import type { TextScan } from '../state.ts'

const LONGEST_PATH = 64

/** Judges the field that the path at `from` leads to. The last run is the name of the path. */
export function judgePath(scan: TextScan, from: number, level: number): Verdict {
  const { text, end } = scan
  const read = readCharacter(text, from, level)
  const code = escapedCode(read)
  // [ (
  if (code === 91 || code === 40) return judgeList(scan, from + escapedWidth(read), level)
  const quote = readQuote(text, from, end, level)
  if (quote === NO_QUOTE) return HARMLESS
  const start = from + quoteWidth(quote)
  const to = pathEnd(text, start, Math.min(end, start + LONGEST_PATH))
  if (readQuote(text, to, end, level) === NO_QUOTE) return HARMLESS
  const field = readField(text, start, to, isPointer(scan.runFrom, scan.runTo))
  return field === 0 ? HARMLESS : judgeSlice(scan.names, text, fieldFrom(field), fieldTo(field))
}

/** Returns the end of the names of a path and the characters that separate them. */
function pathEnd(text: string, from: number, limit: number): number {
  let to = from
  for (; to < limit; to++) {
    const code = text.charCodeAt(to)
    // / [ ]
    if (classOf(code) !== RUN && code !== 47 && code !== 91 && code !== 93) break
  }
  return to
}

/**
 * Judges a list by its last item that is a name; the list is harmless when an item holds a space. A separator ends it,
 * so that no two paths read the same text.
 */
function judgeList(scan: TextScan, from: number, level: number): Verdict {
  const { text, end } = scan
  let first = 0
  let last = 0
  let parted = true
  for (let at = from; at < end;) {
    const code = text.charCodeAt(at)
    if (classOf(code) === RUN) {
      const start = at
      if (!parted) return HARMLESS
      parted = false
      while (at < end && classOf(text.charCodeAt(at)) === RUN) at++
      if (isIndex(text, start, at)) continue
      first = start
      last = at
      continue
    }
    const broken = code === 92 ? breakWidth(text, at) : 0
    if (broken > 0) {
      at += broken
      continue
    }
    const read = readCharacter(text, at, level)
    const sign = escapedCode(read)
    parted ||= sign === 44
    // ] )
    if (sign === 93 || sign === 41) break
    const entity = sign === 38 ? readQuote(text, at, end, 0) : NO_QUOTE
    if (entity === NO_QUOTE && !mayJoin(sign)) return HARMLESS
    at += entity === NO_QUOTE ? escapedWidth(read) : quoteWidth(entity)
  }
  return last > first ? judgeSlice(scan.names, text, first, last) : HARMLESS
}

/** True for the characters between the names of a list: quotes, backslashes, commas, spaces and breaks. */
function mayJoin(code: number): boolean {
  return isQuote(code) || code === 92 || code === 44 || code === 43 || isSpace(code) || isNewline(code)
}

/**
 * True when the value is an object, or a list that holds one. It is then the whole input, and its members are judged by
 * their own names.
 */
export function holdsOthers(scan: TextScan, next: number, level: number): boolean {
  const { text, end } = scan
  let from = next
  while (from < end && isSpace(text.charCodeAt(from))) from++
  const read = readCharacter(text, from, level)
  const code = escapedCode(read)
  // {
  if (code === 123 || printsMembers(text, from, end)) return true
  // [ (
  if (code !== 91 && code !== 40) return false
  if (level === 0) return markWidth(text, from) === 0 && readScalars(scan, from) === undefined
  const first = escapedCode(readCharacter(text, from + escapedWidth(read), level))
  return first === 123 || first === 91
}
