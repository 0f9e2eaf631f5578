// Objects as `util.inspect` prints them: behind their class, and bytes.
import { isDigit, isLetter, isSpace } from './chars.ts'

const LONGEST_CLASS = 64
const BYTES = '<Buffer'
/** Fifty bytes and how many more there are. */
const LONGEST_BYTES = 200

/**
 * Where the bracket opens behind a class: `Map(1) {`, `Headers {`, `Uint8Array(2) [`, `[Object: null prototype] {`; -1 for
 * anything else.
 */
export function classEnd(text: string, from: number, end: number): number {
  const tagged = text.charCodeAt(from) === 91
  // `token=Abc {` has no space before what is no class.
  if (!tagged && !(isCapital(text.charCodeAt(from)) && isSpace(text.charCodeAt(from - 1)))) return -1
  const limit = Math.min(end, from + LONGEST_CLASS)
  const named = tagged ? from : nameEnd(text, from, limit)
  const sized = tagged ? tagEnd(text, from, limit) : sizeEnd(text, named, limit)
  if (sized < 0 || text.charCodeAt(sized) !== 32) return -1
  const open = tagged ? sized + 1 : afterTag(text, sized + 1, limit)
  if (open >= end) return -1
  // A list has a size: `Authorization: Bearer [x]` is none.
  return text.charCodeAt(open) === 123 || (text.charCodeAt(open) === 91 && sized > named && !tagged) ? open : -1
}

/** Where the bytes of a `Buffer` end; -1 for anything else. */
export function bytesEnd(text: string, from: number, end: number): number {
  if (!text.startsWith(BYTES, from)) return -1
  const limit = Math.min(end, from + LONGEST_BYTES)
  let to = from + BYTES.length
  while (to < limit && isByteSign(text.charCodeAt(to))) to++
  return text.charCodeAt(to) === 62 && to < end ? to + 1 : to
}

function isByteSign(code: number): boolean {
  return isDigit(code) || isLetter(code) || code === 32 || code === 46
}

function isCapital(code: number): boolean {
  return code >= 65 && code <= 90
}

function nameEnd(text: string, from: number, limit: number): number {
  let to = from
  while (to < limit && (isLetter(text.charCodeAt(to)) || isDigit(text.charCodeAt(to)) || text.charCodeAt(to) === 95))
    to++
  return to
}

/** Past `(12)`. */
function sizeEnd(text: string, from: number, limit: number): number {
  if (text.charCodeAt(from) !== 40) return from
  let to = from + 1
  while (to < limit && isDigit(text.charCodeAt(to))) to++
  return to > from + 1 && text.charCodeAt(to) === 41 ? to + 1 : -1
}

/** Past `[Object: null prototype]`; -1 for what is a list. */
function tagEnd(text: string, from: number, limit: number): number {
  let to = from + 1
  while (to < limit && isTagSign(text.charCodeAt(to))) to++
  return to > from + 1 && text.charCodeAt(to) === 93 ? to + 1 : -1
}

/** In `Foo [Map] {`, where the brace stands; of `Uint8Array(2) [ 1 ]`, the bracket itself. */
function afterTag(text: string, from: number, limit: number): number {
  if (text.charCodeAt(from) !== 91) return from
  const to = tagEnd(text, from, limit)
  return to > 0 && text.charCodeAt(to) === 32 && text.charCodeAt(to + 1) === 123 ? to + 1 : from
}

function isTagSign(code: number): boolean {
  return isLetter(code) || isDigit(code) || code === 32 || code === 58 || code === 60 || code === 62 || code === 46
}
