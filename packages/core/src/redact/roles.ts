// Roles of members that describe other members, in an object and in its text: `{ name: 'password', value: '…' }`.
import { markWidth } from './marks.ts'
import { RUN, classOf, isDigit, isWord } from './text/chars.ts'

export const NO_ROLE = 0
/** Names the content of the member `value`: `name`, `key`, `header`, `field`. */
export const LABEL = 1
/** Gives the path to a rejected field, as validators report it: `path`, `loc`, `property`. */
export const PATH = 2
/** Is described by a label or a path: `value`. */
export const VALUE = 3
/** Is described only by a path: `input`, `data`, `originalValue`. */
export const INPUT = 4
/** Holds the arguments of a command: `args`. */
export const ARGUMENTS = 5
/** Names a command, as `name` may too. */
export const COMMAND = 6

export type Role =
  | typeof NO_ROLE
  | typeof LABEL
  | typeof PATH
  | typeof VALUE
  | typeof INPUT
  | typeof ARGUMENTS
  | typeof COMMAND

/**
 * Returns the role of the member named `text.slice(from, to)`, ignoring case. Switches on the length first, because
 * most names have no role.
 */
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

/**
 * The length of `instancePath`. A JSON pointer (RFC 6901) is the only path with slashes that leads to a field; others
 * are URLs and files.
 */
const POINTER_LENGTH = 12

/** True when paths of this name are JSON pointers: Ajv's `instancePath`. */
export function isPointer(from: number, to: number): boolean {
  return to - from === POINTER_LENGTH
}

/** True when this label is `name`, which may also name a command. */
export function isName(role: Role, from: number, to: number): boolean {
  return role === LABEL && to - from === 4
}

/** True when this segment of a path is the index of a list item. */
export function isIndex(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (!isDigit(text.charCodeAt(at))) return false
  return true
}

/** True when the text may be an item of a path; a title, unlike a field name, has spaces. */
export function isFieldName(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (classOf(name.charCodeAt(at)) !== RUN) return false
  return name !== ''
}

const LONGEST_PATH = 64

/**
 * The position and length of a field's name within a path, packed into a number so that scanning a text allocates
 * nothing. 0 means none.
 */
export type Field = number

export function fieldFrom(field: Field): number {
  return field >> 7
}

export function fieldTo(field: Field): number {
  return fieldFrom(field) + (field & 127)
}

/**
 * Returns the field that a path leads to: `password` in `users[0].password` or `/users/0/password`. Only the last name
 * counts, so the file `secret.wav` leads to `wav`.
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
    // A trailing index is skipped: the field is the name before it.
    if (start === end || !isDigit(text.charCodeAt(start))) break
    end = start - 1
  }
  // `[iban]` is a mark, not an index.
  if (markWidth(text, start - 1) > 0) return 0
  return end > start && isPathTo(text, from, start, pointer) ? (start << 7) | (end - start) : 0
}

/** A dot separates the segments of a path, but belongs to a segment of a JSON pointer. */
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
