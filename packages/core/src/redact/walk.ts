import { isCardNumber } from './checks.ts'
import { cleanText, scannedLength } from './clean-text.ts'
import { freeName, knownName, nameCost } from './known-names.ts'
import { kindOf } from './kinds.ts'
import { COUNTED, HARMLESS, SECRET_IN_QUERY, type Verdict } from './names.ts'
import { CARD, CUT, REDACTED } from './marks.ts'
import type { Rules } from './rules.ts'

/** The state of one call. */
interface Walk {
  readonly rules: Rules
  /** What is left of the budget. */
  nodes: number
  chars: number
  /** The objects around the current value: cuts cycles. */
  readonly path: object[]
  /** In allow mode: below an allowed name, and below a name but no allowed one. */
  kept: boolean
  hidden: boolean
}

const UNREADABLE = '[unreadable]'
const FAILED = Symbol('failed')
/** The last name of an object that was cut. */
const MORE = '…'

/** A cleaned copy of `value` within the budget. Never throws: a member that does becomes `[unreadable]`. */
export function walk(rules: Rules, value: unknown): unknown {
  const { maxNodes, maxChars } = rules.limits
  return visit({ rules, nodes: maxNodes, chars: maxChars, path: [], kept: false, hidden: false }, value, false)
}

/** @param pairwise Is an array to be read as names and values in turn? */
function visit(state: Walk, value: unknown, pairwise: boolean): unknown {
  if (value === CUT || value === undefined || value === null) return value
  if (state.nodes <= 0) return CUT
  state.nodes--
  if (typeof value === 'object') return visitObject(state, value, pairwise)
  if (state.hidden) return mark(state, REDACTED)
  return typeof value === 'string' ? text(state, value) : scalar(state, value)
}

function scalar(state: Walk, value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      return value >= 1e13 && Number.isSafeInteger(value) && isCardNumber(String(value)) ? mark(state, CARD) : value
    case 'bigint':
      return mark(state, bigintText(value))
    case 'function':
    case 'symbol':
      return mark(state, `[${typeof value}]`)
    default:
      return value
  }
}

/** Printing an integer costs the square of its length, so one that no program counts with is not printed. */
function bigintText(value: bigint): string {
  if (BigInt.asIntN(1024, value) !== value) return '[bigint]'
  const digits = String(value)
  return isCardNumber(digits) ? CARD : `${digits}n`
}

/** Something of ours in place of a value: costs what it takes, or it would cost more the next time. */
function mark(state: Walk, what: string): string {
  state.chars -= what.length
  return what
}

function text(state: Walk, input: string): string {
  if (input === '') return input
  if (state.chars <= 0) return CUT
  const max = Math.min(state.rules.limits.maxString, state.chars)
  const out = cleanText(state.rules, input, max)
  state.chars -= Math.max(scannedLength(input, max), out.length)
  return out
}

function visitObject(state: Walk, value: object, pairwise: boolean): unknown {
  const { path, kept, hidden } = state
  if (path.includes(value)) return mark(state, hidden ? REDACTED : '[circular]')
  if (path.length > state.rules.limits.maxDepth) return mark(state, hidden ? REDACTED : '[too deep]')
  const depth = path.length
  path.push(value)
  try {
    return Array.isArray(value) ? readArray(state, value, pairwise) : readObject(state, value)
  } catch {
    // A revoked proxy, or a trap that throws. A stack that overflows ends here as well.
    return mark(state, hidden ? REDACTED : UNREADABLE)
  } finally {
    path.length = depth
    state.kept = kept
    state.hidden = hidden
  }
}

function readArray(state: Walk, value: readonly unknown[], pairwise: boolean): unknown[] {
  const { length } = value
  const inTuples = length === 2 && Array.isArray(state.path.at(-2))
  return readItems(state, length, (index) => value[index], pairwise || inTuples)
}

function readItems(state: Walk, length: number, at: (index: number) => unknown, pairwise: boolean): unknown[] {
  const { maxEntries } = state.rules.limits
  const count = length > maxEntries ? maxEntries - 1 : length
  const out: unknown[] = []
  let secret = false
  for (let i = 0; i < count; i++) {
    if (state.nodes <= 0 || state.chars <= 0) {
      out.push(CUT)
      return out
    }
    const item = attempt(() => at(i))
    if (pairwise && i % 2 === 1 && secret && hidesValue(knownName(state.rules, at(i - 1) as string).verdict, item)) {
      out.push(mark(state, REDACTED))
    } else out.push(item === FAILED ? mark(state, UNREADABLE) : visit(state, item, false))
    secret = pairwise && typeof item === 'string'
  }
  if (count < length) out.push(CUT)
  return out
}

function readObject(state: Walk, value: object): unknown {
  const { maxEntries } = state.rules.limits
  const kind = kindOf(value, maxEntries)
  switch (kind.is) {
    case 'members':
      return readMembers(
        state,
        kind.names,
        (index) => (value as Record<string, unknown>)[kind.names[index] as string],
        value,
      )
    case 'pairs':
      return readMembers(
        state,
        kind.pairs.map(([name]) => nameText(name)),
        (index) => kind.pairs[index]?.[1],
        undefined,
      )
    case 'items':
      return readItems(state, kind.items.length, (index) => kind.items[index], false)
    default:
      if (state.hidden) return mark(state, REDACTED)
  }
  switch (kind.is) {
    case 'text':
      return text(state, kind.text)
    case 'query':
      // The rules of a query look at what stands before a name.
      return text(state, `?${kind.text}`).slice(1)
    case 'bytes':
      return mark(state, `[${kind.bytes} bytes]`)
    case 'date':
      return kind.date
    default:
      return typeof kind.value === 'string' ? text(state, kind.value) : scalar(state, kind.value)
  }
}

function nameText(name: unknown): string {
  return typeof name === 'object' || typeof name === 'function'
    ? `[${name === null ? 'null' : typeof name}]`
    : String(name)
}

function readMembers(
  state: Walk,
  names: readonly string[],
  at: (index: number) => unknown,
  owner: object | undefined,
): Record<string, unknown> {
  const { maxEntries } = state.rules.limits
  const count = names.length > maxEntries ? maxEntries - 1 : names.length
  const out: Record<string, unknown> = {}
  for (let i = 0; i < count; i++) {
    if (state.nodes <= 0 || state.chars <= 0) {
      put(out, MORE, CUT)
      return out
    }
    readMember(
      state,
      out,
      names[i] as string,
      attempt(() => at(i)),
      owner,
    )
  }
  if (count < names.length) put(out, MORE, CUT)
  return out
}

function readMember(
  state: Walk,
  out: Record<string, unknown>,
  name: string,
  child: unknown,
  owner: object | undefined,
): void {
  const { kept, hidden, rules } = state
  const known = knownName(rules, name)
  const label = name === 'value' && owner !== undefined ? labelOf(rules, owner) : HARMLESS
  const target = known.clean in out ? freeName(out, known.clean) : known.clean
  state.chars -= Math.max(nameCost(name), target.length)
  if (hidesValue(known.verdict, child) || hidesValue(label, child)) {
    put(out, target, mark(state, REDACTED))
    return
  }
  if (rules.allow !== undefined) {
    state.kept = kept || known.allowed
    state.hidden = !state.kept
  }
  if (child === FAILED) put(out, target, mark(state, state.hidden ? REDACTED : UNREADABLE))
  else put(out, target, visit(state, child, name === 'rawHeaders'))
  state.kept = kept
  state.hidden = hidden
}

/** The verdict on `{ name: 'authorization', value: '…' }`, as HAR files and forms have it. */
function labelOf(rules: Rules, owner: object): Verdict {
  for (const field of ['name', 'key', 'header', 'field']) {
    const label = attempt(() => (owner as Record<string, unknown>)[field])
    if (typeof label === 'string') return knownName(rules, label).verdict
  }
  return HARMLESS
}

/** A number in text form, as tags have it. */
const COUNT = /^\d{1,12}(?:\.\d{1,6})?n?$/

/** Nothing, yes or no, and a moment in time tell no secret, whatever their name. */
function hidesValue(verdict: Verdict, value: unknown): boolean {
  if (verdict === HARMLESS || verdict === SECRET_IN_QUERY) return false
  if (value === undefined || value === null || typeof value === 'boolean') return false
  if (verdict === COUNTED) {
    return !(typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'string' && COUNT.test(value)))
  }
  return !(typeof value === 'object' && isDate(value))
}

function isDate(value: object): boolean {
  return attempt(() => Date.prototype.getTime.call(value as Date)) !== FAILED
}

function attempt(read: () => unknown): unknown {
  try {
    return read()
  } catch {
    return FAILED
  }
}

/** Defines what assigning would not: `__proto__`, and names that a frozen prototype forbids to shadow. */
function put(out: Record<string, unknown>, name: string, value: unknown): void {
  if (name in out) Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true })
  else out[name] = value
}
