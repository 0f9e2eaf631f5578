import { parseStack } from './frames.ts'
import type { ErrorValue } from './signals.ts'

/** Errors of one tree that are kept, and levels of it. */
const MAX_ERRORS = 20
const MAX_DEPTH = 6
const MAX_STACK = 16_000
const MAX_MESSAGE = 10_000
const MAX_PROPERTIES = 20

/**
 * A thrown value, then its causes and the members of aggregates, as plain data. An error of another realm, and what only
 * looks like one (`{ message, code }`), counts as one. Survives getters that throw and causes that form a circle; never
 * throws, and never returns nothing.
 *
 * @param plain Makes a bounded, plain copy of any value: what is shown of something that is no error.
 */
export function errorValues(thrown: unknown, plain: (value: unknown) => unknown): [ErrorValue, ...ErrorValue[]] {
  const values: ErrorValue[] = []
  const seen = new Set<unknown>()
  const visit = (value: unknown, depth: number, parent?: { readonly id: number; readonly source: string }): void => {
    if (values.length >= MAX_ERRORS || depth > MAX_DEPTH || seen.has(value)) return
    if (isObject(value)) seen.add(value)
    const id = values.length
    const members = isErrorLike(value) ? membersOf(value) : undefined
    values.push(valueOf(value, id, parent, members !== undefined, plain))
    if (!isErrorLike(value)) return
    const cause = read(value, 'cause')
    if (cause !== undefined && cause !== null) visit(cause, depth + 1, { id, source: 'cause' })
    for (const [index, member] of (members ?? []).entries())
      visit(member, depth + 1, { id, source: `errors[${index}]` })
  }
  visit(thrown, 0)
  return values as [ErrorValue, ...ErrorValue[]]
}

function valueOf(
  value: unknown,
  id: number,
  parent: { readonly id: number; readonly source: string } | undefined,
  isGroup: boolean,
  plain: (value: unknown) => unknown,
): ErrorValue {
  const error = isErrorLike(value) ? value : undefined
  const stack = error && textOf(error, 'stack')?.slice(0, MAX_STACK)
  const properties = error && propertiesOf(error)
  return {
    name: (error ? nameOf(error) : 'Thrown').slice(0, 200),
    message: (error ? (textOf(error, 'message') ?? '') : describe(value, plain)).slice(0, MAX_MESSAGE),
    ...(stack !== undefined && { stack }),
    frames: parseStack(stack),
    id,
    ...(parent && { parentId: parent.id, source: parent.source }),
    ...(isGroup && { isGroup: true as const }),
    ...(properties && { properties }),
  }
}

/** An Error of any realm, or an object with a message of text, as many libraries throw. */
function isErrorLike(value: unknown): value is object {
  return isObject(value) && (value instanceof Error || textOf(value, 'message') !== undefined)
}

function nameOf(error: object): string {
  const name = textOf(error, 'name')
  if (name) return name
  const constructor = read(error, 'constructor') as { name?: unknown } | undefined
  const own = typeof constructor === 'function' ? textOf(constructor, 'name') : undefined
  return own && own !== 'Object' ? own : 'Error'
}

function membersOf(error: object): readonly unknown[] | undefined {
  const errors = read(error, 'errors')
  try {
    return Array.isArray(errors) && errors.length > 0 ? errors.slice(0, MAX_ERRORS) : undefined
  } catch {
    return undefined
  }
}

const KNOWN = new Set(['name', 'message', 'stack', 'cause', 'errors'])

function propertiesOf(error: object): Record<string, unknown> | undefined {
  try {
    const names = Object.keys(error).filter((name) => !KNOWN.has(name))
    if (names.length === 0) return undefined
    return Object.fromEntries(names.slice(0, MAX_PROPERTIES).map((name) => [name, read(error, name)]))
  } catch {
    return undefined
  }
}

/** `[object Object]` tells nobody anything. */
function describe(thrown: unknown, plain: (value: unknown) => unknown): string {
  if (typeof thrown === 'string') return thrown
  try {
    if (!isObject(thrown)) return String(thrown)
    return JSON.stringify(plain(thrown))?.slice(0, 500) ?? Object.prototype.toString.call(thrown)
  } catch {
    return 'A value that can not be shown'
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function read(from: object, property: string): unknown {
  try {
    return (from as Readonly<Record<string, unknown>>)[property]
  } catch {
    return undefined
  }
}

function textOf(from: object, property: string): string | undefined {
  const value = read(from, property)
  return typeof value === 'string' ? value : undefined
}
