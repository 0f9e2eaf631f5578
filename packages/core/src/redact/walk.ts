import { signsIn } from './values/commands.ts'
import { judgeArgument } from './names/flags.ts'
import { freeName, knownName, nameCost } from './names/known-names.ts'
import { kindOf, type Members } from './values/kinds.ts'
import { hiddenMark, mark, scalar, text, type Walk } from './values/leaves.ts'
import { FAILED, dateOf, hidesValue, judgeArguments, judgeLabel } from './values/member-values.ts'
import { textOf } from './text-of.ts'
import { CIRCULAR, CUT, REDACTED, TOO_DEEP, UNREADABLE } from './marks.ts'
import { HARMLESS, SECRET, SECRET_IN_QUERY, type Verdict } from './names/names.ts'
import { ARGUMENTS, INPUT, VALUE, type Role } from './roles.ts'
import type { Rules } from './rules.ts'
import { isFlat, isScalar } from './values/scalars.ts'

/** The name of the member that ends a cut object. */
const MORE = '…'

/**
 * Returns a cleaned copy of `value` within the budget. Never throws: a member that can't be read becomes
 * `[unreadable]`.
 */
export function walk(rules: Rules, value: unknown): unknown {
  const { maxNodes, maxChars } = rules.limits
  return visit({ rules, nodes: maxNodes, chars: maxChars, path: [], kept: false, hidden: false }, value, PLAIN)
}

/** How the items of an array relate: not at all, as alternating names and values, or as arguments of a command. */
const PLAIN = 0
const PAIRS = 1
const COMMAND_LINE = 2
type Reading = typeof PLAIN | typeof PAIRS | typeof COMMAND_LINE

function visit(state: Walk, value: unknown, reading: Reading): unknown {
  if (value === CUT || value === undefined || value === null) return value
  if (value === REDACTED) return hiddenMark(state)
  if (state.nodes <= 0) return CUT
  state.nodes--
  if (typeof value === 'object') return visitObject(state, value, reading)
  if (state.hidden) return mark(state, REDACTED)
  return typeof value === 'string' ? text(state, value) : scalar(state, value)
}

function visitObject(state: Walk, value: object, reading: Reading): unknown {
  const { path, kept, hidden } = state
  if (path.includes(value)) return mark(state, hidden ? REDACTED : CIRCULAR)
  if (path.length > state.rules.limits.maxDepth) return tooDeep(state, value)
  const depth = path.length
  path.push(value)
  try {
    return Array.isArray(value)
      ? readItems(state, value.length, (index) => value[index] as unknown, reading)
      : readObject(state, value)
  } catch {
    // Reached for a revoked proxy, for a trap that throws, and when the stack overflows.
    return mark(state, hidden ? REDACTED : UNREADABLE)
  } finally {
    path.length = depth
    state.kept = kept
    state.hidden = hidden
  }
}

/** A date is kept at any depth, because it holds no members. */
function tooDeep(state: Walk, value: object): unknown {
  if (state.hidden) return mark(state, REDACTED)
  return dateOf(value) ?? mark(state, TOO_DEEP)
}

function readItems(state: Walk, length: number, at: (index: number) => unknown, reading: Reading): unknown[] {
  const { maxEntries } = state.rules.limits
  const count = length > maxEntries ? maxEntries - 1 : length
  const out: unknown[] = []
  const named = reading === PAIRS || (length === 2 && isList(state.path.at(-2)))
  let before: unknown
  let isCommand = reading === COMMAND_LINE
  let signedIn = false
  for (let i = 0; i < count; i++) {
    if (state.nodes <= 0 || state.chars <= 0) {
      out.push(CUT)
      return out
    }
    const item = attempt(at, i)
    if (isCommand && !signedIn && typeof before === 'string' && signsIn(before)) {
      signedIn = isCommand = holdsScalars(count, at)
    }
    const verdict = signedIn ? SECRET : judgeItem(state.rules, before, item, named && i % 2 === 1)
    if (hidesValue(verdict, item)) out.push(hiddenMark(state))
    else out.push(item === FAILED ? mark(state, UNREADABLE) : visit(state, item, PLAIN))
    before = item
  }
  if (count < length) out.push(CUT)
  return out
}

/** True when every item is a scalar: commands take neither objects nor lists. */
function holdsScalars(count: number, at: (index: number) => unknown): boolean {
  for (let i = 0; i < count; i++) if (!isScalar(attempt(at, i))) return false
  return true
}

/** Judges an item by the one before it, which may be its name or a flag of a command. */
function judgeItem(rules: Rules, before: unknown, item: unknown, named: boolean): Verdict {
  const name = named ? textOf(before) : undefined
  const verdict = name === undefined ? HARMLESS : knownName(rules, name).verdict
  return verdict === HARMLESS || verdict === SECRET_IN_QUERY ? judgeArgument(rules.names, before, item) : verdict
}

function isList(value: object | undefined): boolean {
  return Array.isArray(value) || value instanceof Set
}

function readObject(state: Walk, value: object): unknown {
  const { maxEntries } = state.rules.limits
  const kind = kindOf(value, maxEntries)
  switch (kind.is) {
    case 'members':
      return readMembers(state, kind)
    case 'items':
      return readItems(state, kind.items.length, (index) => kind.items[index], PLAIN)
    default:
      if (state.hidden) return mark(state, REDACTED)
  }
  switch (kind.is) {
    case 'text':
      return text(state, kind.text)
    case 'query':
      // The query rules only apply to a name after `?` or `&`.
      return text(state, `?${kind.text}`).slice(1)
    case 'bytes':
      return mark(state, `[${kind.bytes} bytes]`)
    case 'date':
      return kind.date
    default:
      return typeof kind.value === 'string' ? text(state, kind.value) : scalar(state, kind.value)
  }
}

/** The copy of one object while it is being built. */
interface Copy {
  readonly out: Record<string, unknown>
  readonly members: Members
  /** The verdicts of a label on `value` and of a path on `input`, computed on first use. */
  label: Verdict | undefined
  path: Verdict | undefined
  /** Counters for `freeName`, created on first use: most objects need none. */
  numbers: Map<string, number> | undefined
}

function readMembers(state: Walk, members: Members): Record<string, unknown> {
  const { names } = members
  const { maxEntries } = state.rules.limits
  const count = names.length > maxEntries ? maxEntries - 1 : names.length
  const out: Record<string, unknown> = {}
  const copy: Copy = { out, members, label: undefined, path: undefined, numbers: undefined }
  for (let i = 0; i < count; i++) {
    if (state.nodes <= 0 || state.chars <= 0) {
      put(out, MORE, CUT)
      return out
    }
    readMember(state, copy, names[i] as string, attempt(members.read, i))
  }
  if (count < names.length) {
    put(out, MORE, CUT)
    state.chars -= MORE.length
  }
  return out
}

function readMember(state: Walk, copy: Copy, name: string, child: unknown): void {
  const { kept, hidden, rules } = state
  const { out } = copy
  const known = knownName(rules, name)
  const target = known.clean in out ? freeName(out, known.clean, (copy.numbers ??= new Map())) : known.clean
  state.chars -= Math.max(nameCost(name), target.length)
  const { role } = known
  if (hidesValue(known.verdict, child) || (role >= VALUE && hidesValue(describedBy(rules, copy, role, child), child))) {
    put(out, target, hiddenMark(state))
    return
  }
  if (rules.allow !== undefined) {
    // A renamed member must be allowed under its new name too, or a second cleaning would hide more.
    state.kept = kept || (known.allowed && (target === name || knownName(rules, target).allowed))
    state.hidden = !state.kept
  }
  if (child === FAILED) put(out, target, mark(state, state.hidden ? REDACTED : UNREADABLE))
  else put(out, target, visit(state, child, role === ARGUMENTS ? COMMAND_LINE : name === 'rawHeaders' ? PAIRS : PLAIN))
  state.kept = kept
  state.hidden = hidden
}

/** Returns the verdict of the other members on a member with this role. */
function describedBy(rules: Rules, copy: Copy, role: Role, child: unknown): Verdict {
  switch (role) {
    case VALUE:
      return (copy.label ??= judgeLabel(rules, copy.members, false))
    case INPUT:
      // An object here is the whole input, and its members are judged by their own names.
      return isFlat(child, rules.limits.maxEntries) ? (copy.path ??= judgeLabel(rules, copy.members, true)) : HARMLESS
    default:
      return role === ARGUMENTS ? judgeArguments(copy.members, child, rules.limits.maxEntries) : HARMLESS
  }
}

function attempt(read: (index: number) => unknown, index: number): unknown {
  try {
    return read(index)
  } catch {
    return FAILED
  }
}

/**
 * Sets a member. Assignment would fail for `__proto__` and for names that a frozen prototype forbids to shadow, so
 * these are defined.
 */
function put(out: Record<string, unknown>, name: string, value: unknown): void {
  if (name in out) Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true })
  else out[name] = value
}
