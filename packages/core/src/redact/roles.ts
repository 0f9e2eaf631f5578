// Members that describe others, in an object and in its text: `{ name: 'password', value: '…' }`.
import { isWord } from './text/chars.ts'

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
  const is = (word: string): boolean => isWord(text, from, to, word)
  switch (to - from) {
    case 3:
      return is('key') ? LABEL : is('loc') ? PATH : NO_ROLE
    case 4:
      return is('name') ? LABEL : is('path') ? PATH : is('data') ? INPUT : is('args') ? ARGUMENTS : NO_ROLE
    case 5:
      return is('value') ? VALUE : is('field') ? LABEL : is('param') ? PATH : is('input') ? INPUT : NO_ROLE
    case 6:
      return is('header') ? LABEL : NO_ROLE
    case 7:
      return is('command') ? COMMAND : NO_ROLE
    case 8:
      return is('property') ? PATH : NO_ROLE
    case 12:
      return is('instancepath') ? PATH : NO_ROLE
    case 13:
      return is('originalvalue') ? INPUT : NO_ROLE
    default:
      return NO_ROLE
  }
}

/** A pointer is the only path with slashes that leads to a field (RFC 6901); others are URLs and files. */
const POINTER_LENGTH = 12

/** Are paths of this name pointers? `instancePath` of Ajv. */
export function isPointer(from: number, to: number): boolean {
  return to - from === POINTER_LENGTH
}

const LONGEST_PATH = 64
const FIELD = /(?:^|[.[])([a-z_$][\w$-]*)\]?(?:[.[]\d{1,6}\]?)*$/i
const POINTED = /^\/(?:[^\s/]*\/)*([a-z_$][\w$.-]*)(?:\/\d{1,6})*$/i

/**
 * The field that a path leads to: `password` of `users[0].password` or `/users/0/password`. `secret.wav` is a file, and its
 * last segment no secret.
 */
export function fieldOf(path: string, pointer: boolean): string | undefined {
  if (path.length > LONGEST_PATH) return undefined
  return (pointer ? POINTED : FIELD).exec(path)?.[1]
}
