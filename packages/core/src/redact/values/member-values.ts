// Whether the value of a member has to be hidden for its name.
import { MOST_CREDENTIALS } from './commands.ts'
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

/** What reading a member yields when it throws. */
export const FAILED: unique symbol = Symbol('failed')

/** A number in text form, as tags have it; or a big integer as it is printed. */
const COUNT = /^(?:\d{1,12}(?:\.\d{1,6})?|-?\d{1,58}n)$/

/** Nothing, yes or no, and a moment in time tell no secret, whatever their name. */
export function hidesValue(verdict: Verdict, value: unknown): boolean {
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return false
  if (value === undefined || value === null || typeof value === 'boolean' || value === '' || value === CUT) return false
  // A number that became a mark was one that counts, by its name.
  if (verdict === COUNTED && (value === CARD || value === TOO_DEEP || isCount(value) || holdsCounts(value)))
    return false
  return !(typeof value === 'object' && dateOf(value))
}

function isCount(value: unknown): boolean {
  if (typeof value === 'bigint') return isPrintable(value)
  return typeof value === 'number' || (typeof value === 'string' && COUNT.test(value))
}

const MOST_COUNTS = 50

/** `{ prompt: 12, completion: 4 }` counts as a number does. */
function holdsCounts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  try {
    if (Object.getPrototypeOf(value) !== Object.prototype) return false
    const counts = Object.values(value)
    return counts.length > 0 && counts.length <= MOST_COUNTS && counts.every(isPlainCount)
  } catch {
    return false
  }
}

function isPlainCount(value: unknown): boolean {
  // What became a mark was one, or is hidden already.
  if (typeof value === 'string') return value === CARD || value === REDACTED || value === CUT
  return value === null || typeof value === 'boolean' || typeof value === 'number'
}

/** Printing an integer costs the square of its length, so one that no program counts with is not printed. */
export function isPrintable(value: bigint): boolean {
  return BigInt.asIntN(192, value) === value
}

/** A copy of the date that `value` is, or `undefined`. */
export function dateOf(value: object): Date | undefined {
  try {
    return new Date(Date.prototype.getTime.call(value as Date))
  } catch {
    return undefined
  }
}

/**
 * The verdict on `{ name: 'authorization', value: '…' }`, as HAR files, forms and task definitions have it, and on
 * `{ path: ['password'], input: '…' }`, as validators report what they rejected.
 *
 * @param isInput Is it a member that a path alone describes?
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

/** A long text is no name; and what was cleaned or cut must not be judged by what is left of it. */
function labelOf(value: unknown): string | undefined {
  const label = textOf(value)
  return label === undefined || label.length > LONGEST_LABEL || MARK.test(label) ? undefined : label
}

/** The field that a path leads to: by its last name, where it is a list. */
function fieldIn(path: unknown, pointer: boolean): string | undefined {
  try {
    return Array.isArray(path) ? lastName(path) : fieldOf(textOf(path), pointer)
  } catch {
    // A list that cannot be read.
    return undefined
  }
}

const DEEPEST_FIELD = 64

/** `undefined` where an item is neither a name nor an index: `['Home', 'The Secret Garden']` leads to a page. */
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
 * The verdict on the arguments of a command. Those of `{ name: 'auth' }` are a user and a password, as Redis' clients
 * report it; a `command` of that name is as often one of a command line, `{ command: 'auth', args: ['login', '--web'] }`.
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
  if (!isFlatList(args, MOST_CREDENTIALS + 1)) return false
  const items = args as readonly unknown[]
  return items.length <= MOST_CREDENTIALS && !items.some(isFlag)
}

/** A mark may stand in place of one. */
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
