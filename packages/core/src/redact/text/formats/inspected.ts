// Objects as `util.inspect` prints them, after their class, and bytes.
import { isDigit, isLetter, isSpace } from '../chars.ts'

const LONGEST_CLASS = 64
const BYTES = '<Buffer'
/** `util.inspect` prints fifty bytes, and the number of those that it leaves out. */
const LONGEST_BYTES = 200

/**
 * Classes that programs print with their members in braces. Any other word before a brace is a value:
 * `token: Expired { … }`.
 */
const CLASSES: ReadonlySet<string> = new Set([
  'Map', 'Set', 'WeakMap', 'WeakSet', 'Object', 'Headers', 'HeadersList', 'AxiosHeaders', 'URLSearchParams', 'FormData',
  'Request', 'Response', 'NextRequest', 'NextResponse', 'RequestCookies', 'ResponseCookies', 'IncomingMessage',
  'ServerResponse',
]) // prettier-ignore
export const NULL_PROTOTYPE = ': null prototype]'

/**
 * Returns the position of the bracket that opens after a class: `Headers {`, `Map(1) {`, `Uint8Array(2) [`,
 * `Creds [Map] {`, `[Object: null prototype] {`; -1 for anything else.
 */
export function classEnd(text: string, from: number, end: number): number {
  const first = text.charCodeAt(from)
  // [
  if (first !== 91 && !isCapital(first)) return -1
  const limit = Math.min(end, from + LONGEST_CLASS)
  if (first === 91) return prototypeEnd(text, from, limit)
  // A class follows a space; in `token=Abc {`, the word is a value.
  if (!isSpace(text.charCodeAt(from - 1))) return -1
  const named = nameEnd(text, from, limit)
  const sized = sizeEnd(text, named, limit)
  if (sized < 0 || text.charCodeAt(sized) !== 32) return -1
  const tagged = tagEnd(text, sized + 1, limit)
  const open = tagged < 0 ? sized + 1 : tagged
  if (open >= end) return -1
  const code = text.charCodeAt(open)
  // A printed list has a size, which `Authorization: Bearer [x]` lacks.
  if (sized > named) return code === 123 || code === 91 ? open : -1
  return code === 123 && (tagged >= 0 || CLASSES.has(text.slice(from, named))) ? open : -1
}

/** True for an object after its class, whatever the class is called. */
export function printsMembers(text: string, from: number, end: number): boolean {
  if (classEnd(text, from, end) >= 0) return true
  const to = isCapital(text.charCodeAt(from)) ? nameEnd(text, from, Math.min(end, from + LONGEST_CLASS)) : from
  return to > from && to + 1 < end && text.charCodeAt(to) === 32 && text.charCodeAt(to + 1) === 123
}

/** Returns where the bytes of a `Buffer` end; -1 for anything else. */
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

/** Returns the position after a size, such as `(12)`; `from` without one, -1 when it is malformed. */
function sizeEnd(text: string, from: number, limit: number): number {
  if (text.charCodeAt(from) !== 40) return from
  let to = from + 1
  while (to < limit && isDigit(text.charCodeAt(to))) to++
  return to > from + 1 && text.charCodeAt(to) === 41 ? to + 1 : -1
}

/**
 * Returns the position of the brace after `[Object: null prototype]`. `[AuthApiError: …] {` is an error, whose members
 * say what went wrong.
 */
function prototypeEnd(text: string, from: number, limit: number): number {
  const to = nameEnd(text, from + 1, limit)
  if (to === from + 1 || !text.startsWith(NULL_PROTOTYPE, to)) return -1
  const behind = to + NULL_PROTOTYPE.length
  return text.charCodeAt(behind) === 32 && text.charCodeAt(behind + 1) === 123 ? behind + 1 : -1
}

/** Returns the position of the brace after a tag, such as `[Map]`; -1 when there is none. */
function tagEnd(text: string, from: number, limit: number): number {
  if (text.charCodeAt(from) !== 91) return -1
  const to = nameEnd(text, from + 1, limit)
  if (text.charCodeAt(to) !== 93 || !text.startsWith(' {', to + 1)) return -1
  return CLASSES.has(text.slice(from + 1, to)) ? to + 2 : -1
}
