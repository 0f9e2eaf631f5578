// Members that describe others, in an object and in its text: `{ name: 'password', value: '…' }`.
import { markWidth } from './marks.ts'
import { RUN, classOf, isDigit, isWord } from './text/chars.ts'

export const NO_ROLE = 0
/** Names what `value` holds: `name`, `key`, `header`, `field`. */
export const LABEL = 1
/** Leads to the field that was rejected, as validators report it: `path`, `loc`, `property`. */
export const PATH = 2
/** Described by either. */
export const VALUE = 3
/** Described by a path alone: `input`, `data`, `originalValue`. */
export const INPUT = 4
/** The arguments of a command, and what may name that command besides `name`. */
export const ARGUMENTS = 5
export const COMMAND = 6

export type Role =
  | typeof NO_ROLE
  | typeof LABEL
  | typeof PATH
  | typeof VALUE
  | typeof INPUT
  | typeof ARGUMENTS
  | typeof COMMAND

/** The role of the member whose name is `text.slice(from, to)`, in either case. By its length first: most have none. */
export function roleOf(text: string, from: number, to: number): Role {
  switch (to - from) {
    case 3:
      return isWord(text, from, to, 'key') ? LABEL : isWord(text, from, to, 'loc') ? PATH : NO_ROLE
    case 4:
      return roleOfFour(text, from, to)
    case 5:
      return roleOfFive(text, from, to)
    case 6:
      return isWord(text, from, to, 'header') ? LABEL : NO_ROLE
    case 7:
      return isWord(text, from, to, 'command') ? COMMAND : NO_ROLE
    case 8:
      return isWord(text, from, to, 'property') ? PATH : NO_ROLE
    case 12:
      return isWord(text, from, to, 'instancepath') ? PATH : NO_ROLE
    case 13:
      return isWord(text, from, to, 'originalvalue') ? INPUT : NO_ROLE
    default:
      return NO_ROLE
  }
}

function roleOfFour(text: string, from: number, to: number): Role {
  if (isWord(text, from, to, 'name')) return LABEL
  if (isWord(text, from, to, 'path')) return PATH
  if (isWord(text, from, to, 'data')) return INPUT
  return isWord(text, from, to, 'args') ? ARGUMENTS : NO_ROLE
}

function roleOfFive(text: string, from: number, to: number): Role {
  if (isWord(text, from, to, 'value')) return VALUE
  if (isWord(text, from, to, 'field')) return LABEL
  if (isWord(text, from, to, 'param')) return PATH
  return isWord(text, from, to, 'input') ? INPUT : NO_ROLE
}

/** A pointer is the only path with slashes that leads to a field (RFC 6901); others are URLs and files. */
const POINTER_LENGTH = 12

/** Are paths of this name pointers? `instancePath` of Ajv. */
export function isPointer(from: number, to: number): boolean {
  return to - from === POINTER_LENGTH
}

/** Is this label `name`, which commands have too? */
export function isName(role: Role, from: number, to: number): boolean {
  return role === LABEL && to - from === 4
}

/** The index of an item in a list, in a path to it. */
export function isIndex(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!isDigit(text.charCodeAt(at))) return false
  return true
}

/** Could an item of a path be this? A title has spaces. */
export function isFieldName(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (classOf(name.charCodeAt(at)) !== RUN) return false
  return name !== ''
}

const LONGEST_PATH = 64

/** Where a field's name stands in the path to it, packed into a number, because it is read in texts too; 0 is nowhere. */
export type Field = number

export function fieldFrom(field: Field): number {
  return field >> 7
}

export function fieldTo(field: Field): number {
  return fieldFrom(field) + (field & 127)
}

/**
 * The field that a path leads to: `password` of `users[0].password` or `/users/0/password`. `secret.wav` is a file, and its
 * last segment no secret.
 */
export function readField(text: string, from: number, to: number, pointer: boolean): Field {
  if (to - from > LONGEST_PATH || (pointer && text.charCodeAt(from) !== 47)) return 0
  let end = to
  let start = to
  while (end > from) {
    // ]
    if (text.charCodeAt(end - 1) === 93) end--
    start = end
    while (start > from && isSegment(text.charCodeAt(start - 1), pointer)) start--
    // The index of an item leads to what stands before it.
    if (start === end || !isDigit(text.charCodeAt(start))) break
    end = start - 1
  }
  // `[iban]` is no index.
  if (markWidth(text, start - 1) > 0) return 0
  return end > start && isPathTo(text, from, start, pointer) ? (start << 7) | (end - start) : 0
}

/** A dot parts the segments of a path, and belongs to those of a pointer. */
function isSegment(code: number, pointer: boolean): boolean {
  return classOf(code) === RUN && (pointer || code !== 46)
}

function isPathTo(text: string, from: number, to: number, pointer: boolean): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    // [ ] /
    if (classOf(code) !== RUN && !(pointer ? code === 47 : code === 91 || code === 93)) return false
  }
  return true
}
