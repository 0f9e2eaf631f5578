// Decides whether the value of a member is hidden for its name.
import { MAX_CREDENTIALS } from './commands.ts'
import type { Members } from './kinds.ts'
import { knownName } from '../names/known-names.ts'
import { CARD, CUT, REDACTED, TOO_DEEP, markWidth } from '../marks.ts'
import { COUNTED, HARMLESS, SECRET, SECRET_IN_QUERY, type Verdict } from '../names/names.ts'
import {
  COMMAND,
  LABEL,
  PATH,
  fieldFrom,
  fieldTo,
  isFieldName,
  isIndex,
  isName,
  isPointer,
  readField,
  roleOf,
} from '../roles.ts'
import type { Rules } from '../rules.ts'
import { isFlatList } from './scalars.ts'
import { isWord } from '../text/chars.ts'
import { textOf } from '../text-of.ts'

/** Stands for a member that threw when it was read. */
export const FAILED: unique symbol = Symbol('failed')

/** A number as text, as in tags, or a printed bigint. */
const COUNT = /^(?:\d{1,12}(?:\.\d{1,6})?|-?\d{1,58}n)$/

/** Decides whether to hide a value. Empty values, booleans and dates reveal no secret, whatever their name. */
export function hidesValue(verdict: Verdict, value: unknown): boolean {
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return false
  if (value === undefined || value === null || typeof value === 'boolean' || value === '' || value === CUT) return false
  // Under a name that counts, these marks replaced a count in an earlier cleaning.
  if (verdict === COUNTED && (value === CARD || value === TOO_DEEP || isCount(value) || holdsCounts(value)))
    return false
  return !(typeof value === 'object' && dateOf(value))
}

function isCount(value: unknown): boolean {
  if (typeof value === 'bigint') return isPrintable(value)
  return typeof value === 'number' || (typeof value === 'string' && COUNT.test(value))
}

const MAX_COUNTS = 50

/** True for an object of counts: `{ prompt: 12, completion: 4 }` is treated like a number. */
function holdsCounts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    if (Object.getPrototypeOf(value) !== Object.prototype) return false
    const counts = Object.values(value)
    return counts.length > 0 && counts.length <= MAX_COUNTS && counts.every(isPlainCount)
  } catch {
    return false
  }
}

function isPlainCount(value: unknown): boolean {
  // A mark replaced a count, or hides its value already.
  if (typeof value === 'string') return value === CARD || value === REDACTED || value === CUT
  return value === null || typeof value === 'boolean' || typeof value === 'number'
}

/** False for an integer that is too large to be a count: printing one costs the square of its length. */
export function isPrintable(value: bigint): boolean {
  return BigInt.asIntN(192, value) === value
}

/** Returns a copy of `value` when it is a date, else `undefined`. */
export function dateOf(value: object): Date | undefined {
  try {
    return new Date(Date.prototype.getTime.call(value as Date))
  } catch {
    return undefined
  }
}

/**
 * Judges the value in `{ name: 'authorization', value: '…' }`, as in HAR files, forms and task definitions, and in
 * `{ path: ['password'], input: '…' }`, as validators report what they rejected.
 *
 * @param isInput True for a member that only a path describes.
 */
export function judgeLabel(rules: Rules, members: Members, isInput: boolean): Verdict {
  const count = Math.min(members.names.length, rules.limits.maxEntries)
  for (let i = 0; i < count; i++) {
    const name = members.names[i] as string
    const { role } = knownName(rules, name)
    if (role !== PATH && (role !== LABEL || isInput)) continue
    const label = read(members, i)
    const field = role === LABEL ? labelOf(label) : fieldIn(label, isPointer(0, name.length))
    const verdict = field === undefined ? HARMLESS : knownName(rules, field).verdict
    if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) return verdict
  }
  return HARMLESS
}

const LONGEST_LABEL = 200
const MARK = /\[(?:redacted|email|card|iban|cut)\]|… \(\d{1,10} characters\)$/

/**
 * Returns a label that may be judged. A long text is not a name, and a text that was cleaned or cut must not be judged
 * by its rest.
 */
function labelOf(value: unknown): string | undefined {
  const label = textOf(value)
  return label === undefined || label.length > LONGEST_LABEL || MARK.test(label) ? undefined : label
}

/** Returns the field that a path leads to; for a list, its last name. */
function fieldIn(path: unknown, pointer: boolean): string | undefined {
  try {
    return Array.isArray(path) ? lastName(path) : fieldOf(textOf(path), pointer)
  } catch {
    // The list can't be read.
    return undefined
  }
}

const DEEPEST_FIELD = 64

/** Returns `undefined` when an item is neither a name nor an index: `['Home', 'The Secret Garden']` leads to a page. */
function lastName(path: readonly unknown[]): string | undefined {
  let last: string | undefined
  if (path.length > DEEPEST_FIELD) return undefined
  for (let i = 0; i < path.length; i++) {
    const item = path[i]
    if (typeof item === 'number') continue
    const name = textOf(item)
    if (name === undefined || !isFieldName(name)) return undefined
    if (!isIndex(name, 0, name.length)) last = name
  }
  return last
}

function fieldOf(path: string | undefined, pointer: boolean): string | undefined {
  const field = path === undefined ? 0 : readField(path, 0, path.length, pointer)
  return path === undefined || field === 0 ? undefined : path.slice(fieldFrom(field), fieldTo(field))
}

/**
 * Judges the arguments of a command. Those of `{ name: 'auth' }` are a user and a password, as clients of Redis report
 * them; a `command` of that name is as often one of a command line, `{ command: 'auth', args: ['login', '--web'] }`.
 */
export function judgeArguments(members: Members, args: unknown, max: number): Verdict {
  const count = Math.min(members.names.length, max)
  let isCommand = false
  for (let i = 0; i < count; i++) {
    const name = members.names[i] as string
    const role = roleOf(name, 0, name.length)
    if (role !== COMMAND && !isName(role, 0, name.length)) continue
    const command = textOf(read(members, i))
    if (command === undefined || !isWord(command, 0, command.length, 'auth')) continue
    if (role === LABEL) return SECRET
    isCommand = true
  }
  return isCommand && mayBeCredentials(args) ? SECRET : HARMLESS
}

function mayBeCredentials(args: unknown): boolean {
  if (!isFlatList(args, MAX_CREDENTIALS + 1)) return false
  const items = args as readonly unknown[]
  return items.length <= MAX_CREDENTIALS && !items.some(isFlag)
}

/** True for a flag, and for a mark that may have replaced one. */
function isFlag(item: unknown): boolean {
  const text = textOf(item) ?? ''
  return text.charCodeAt(0) === 45 || markWidth(text, 0) > 0
}

function read(members: Members, index: number): unknown {
  try {
    return members.read(index)
  } catch {
    return undefined
  }
}
