// Whether the value of a member has to be hidden for its name.
import type { Members } from './kinds.ts'
import { knownName } from './known-names.ts'
import { CARD, CUT, REDACTED, TOO_DEEP } from './marks.ts'
import { COUNTED, HARMLESS, SECRET_IN_QUERY, type Verdict } from './names.ts'
import { LABEL, PATH, fieldFrom, fieldTo, isPointer, readField } from './roles.ts'
import type { Rules } from './rules.ts'

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
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  try {
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
    const field = role === LABEL ? textOf(label) : fieldIn(label, isPointer(0, name.length))
    const verdict = field === undefined ? HARMLESS : knownName(rules, field).verdict
    if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) return verdict
  }
  return HARMLESS
}

/** The field that a path leads to: by its last name, where it is a list. */
function fieldIn(path: unknown, pointer: boolean): string | undefined {
  if (!Array.isArray(path)) return fieldOf(textOf(path), pointer)
  for (let i = path.length - 1; i >= Math.max(0, path.length - DEEPEST_FIELD); i--) {
    const name = textOf(path[i])
    if (name !== undefined) return name
  }
  return undefined
}

const DEEPEST_FIELD = 16

function fieldOf(path: string | undefined, pointer: boolean): string | undefined {
  const field = path === undefined ? 0 : readField(path, 0, path.length, pointer)
  return path === undefined || field === 0 ? undefined : path.slice(fieldFrom(field), fieldTo(field))
}

/** Is this the command by which a client of Redis signs in? */
export function isAuth(members: Members, max: number): boolean {
  const count = Math.min(members.names.length, max)
  for (let i = 0; i < count; i++) {
    const name = members.names[i] as string
    if (name !== 'name' && name !== 'command') continue
    const command = textOf(read(members, i))
    if (command !== undefined && command.length === 4 && command.toLowerCase() === 'auth') return true
  }
  return false
}

function read(members: Members, index: number): unknown {
  try {
    return members.read(index)
  } catch {
    return undefined
  }
}

/** A text, boxed or not; `undefined` for anything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return undefined
  try {
    return String.prototype.valueOf.call(value)
  } catch {
    return undefined
  }
}
