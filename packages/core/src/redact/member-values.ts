// Whether the value of a member has to be hidden for its name.
import type { Members } from './kinds.ts'
import { knownName } from './known-names.ts'
import { CARD, CUT } from './marks.ts'
import { COUNTED, HARMLESS, SECRET_IN_QUERY, type Verdict } from './names.ts'
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
  if (verdict === COUNTED && (value === CARD || isCount(value))) return false
  return !(typeof value === 'object' && dateOf(value))
}

function isCount(value: unknown): boolean {
  if (typeof value === 'bigint') return isPrintable(value)
  return typeof value === 'number' || (typeof value === 'string' && COUNT.test(value))
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

const LABELS: ReadonlySet<string> = new Set(['name', 'key', 'header', 'field'])
const LONGEST_LABEL = 6

/** Is this the member that a label describes, however it is written: `value`, `Value`? */
export function isLabelled(name: string): boolean {
  return name.length === 5 && name.toLowerCase() === 'value'
}

/** The verdict on `{ name: 'authorization', value: '…' }`, as HAR files, forms and task definitions have it. */
export function judgeLabel(rules: Rules, members: Members): Verdict {
  const count = Math.min(members.names.length, rules.limits.maxEntries)
  for (let i = 0; i < count; i++) {
    const field = members.names[i] as string
    if (field.length > LONGEST_LABEL || !LABELS.has(field.toLowerCase())) continue
    const label = labelText(members, i)
    const verdict = label === undefined ? HARMLESS : knownName(rules, label).verdict
    if (verdict !== HARMLESS && verdict !== SECRET_IN_QUERY) return verdict
  }
  return HARMLESS
}

function labelText(members: Members, index: number): string | undefined {
  try {
    return textOf(members.read(index))
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
