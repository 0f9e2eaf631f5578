import { isInstance, isObject, itemsOf, attempt, property, textProperty } from './safe-read.ts'

/** The number of errors to read of one tree, of its levels, and of the properties of each error. */
const MAX_ERRORS = 20
const MAX_DEPTH = 6
const MAX_PROPERTIES = 20

/** One error of a thrown value, not yet cut or redacted. */
export interface ThrownError {
  readonly id: number
  readonly parent: { readonly id: number; readonly source: string } | undefined
  readonly isGroup: boolean
  readonly name: string
  /** `undefined` for a value that is not an error, of which only `value` is known. */
  readonly message: string | undefined
  readonly stack: string | undefined
  /** The error's own properties, apart from those above. */
  readonly properties: Readonly<Record<string, unknown>> | undefined
  readonly value: unknown
}

type Parent = NonNullable<ThrownError['parent']>

/**
 * Returns the thrown value, its causes and the members of aggregates, each after its parent. An error of another realm, or
 * an object that only looks like one (`{ message, code }`), counts as an error. Tolerates getters that throw, revoked
 * proxies and cycles of causes. Never throws, and never returns an empty list.
 */
export function readThrown(thrown: unknown): [ThrownError, ...ThrownError[]] {
  const errors: ThrownError[] = []
  const seen = new Set<unknown>()
  const visit = (value: unknown, depth: number, parent?: Parent): void => {
    if (errors.length >= MAX_ERRORS || depth > MAX_DEPTH || seen.has(value)) return
    if (isObject(value)) seen.add(value)
    const id = errors.length
    if (!isErrorLike(value)) {
      errors.push(nonError(value, id, parent))
      return
    }
    const members = membersOf(value)
    errors.push(readError(value, id, parent, members !== undefined))
    const cause = property(value, 'cause')
    if (cause !== undefined && cause !== null) visit(cause, depth + 1, { id, source: 'cause' })
    for (const [index, member] of (members ?? []).entries())
      visit(member, depth + 1, { id, source: `errors[${index}]` })
  }
  visit(thrown, 0)
  return errors as [ThrownError, ...ThrownError[]]
}

function nonError(value: unknown, id: number, parent: Parent | undefined): ThrownError {
  const nothing = { message: undefined, stack: undefined, properties: undefined }
  return { id, parent, isGroup: false, name: 'Thrown', ...nothing, value }
}

function readError(error: object, id: number, parent: Parent | undefined, isGroup: boolean): ThrownError {
  return {
    id,
    parent,
    isGroup,
    name: nameOf(error),
    message: textProperty(error, 'message') ?? '',
    stack: textProperty(error, 'stack'),
    properties: propertiesOf(error),
    value: error,
  }
}

/** Recognises an Error of any realm, and an object with a text as its message, which many libraries throw. */
function isErrorLike(value: unknown): value is object {
  return isObject(value) && (isInstance(value, Error) || textProperty(value, 'message') !== undefined)
}

function nameOf(error: object): string {
  const name = textProperty(error, 'name')
  if (name) return name
  const constructor = property(error, 'constructor')
  const own = typeof constructor === 'function' ? textProperty(constructor, 'name') : undefined
  return own && own !== 'Object' ? own : 'Error'
}

function membersOf(error: object): readonly unknown[] | undefined {
  const members = itemsOf(property(error, 'errors'), MAX_ERRORS)
  return members && members.length > 0 ? members : undefined
}

const KNOWN = new Set(['name', 'message', 'stack', 'cause', 'errors'])

function propertiesOf(error: object): Record<string, unknown> | undefined {
  const names = attempt(() => Object.keys(error).filter((name) => !KNOWN.has(name))) ?? []
  if (names.length === 0) return undefined
  return Object.fromEntries(names.slice(0, MAX_PROPERTIES).map((name) => [name, property(error, name)]))
}
