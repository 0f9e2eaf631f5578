// Tells what an object is, and reads it while running as little of its own code as possible.

/** Named values: the properties of an object or the entries of a map. Reading one may throw. */
export interface Members {
  readonly is: 'members'
  readonly names: readonly string[]
  read(index: number): unknown
}

/** How the walk treats an object. */
export type Kind =
  | Members
  | { readonly is: 'items'; readonly items: readonly unknown[] }
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'query'; readonly text: string }
  | { readonly is: 'bytes'; readonly bytes: number }
  | { readonly is: 'date'; readonly date: Date }
  | { readonly is: 'primitive'; readonly value: unknown }

const tagOf = Object.prototype.toString

/**
 * Recognises an object by its internal slots and its tag, never by `instanceof` alone, so that errors and maps of
 * another realm are recognised too. Reads at most one item more than `max`.
 *
 * @throws Whatever a proxy or a getter of the object throws.
 */
export function kindOf(value: object, max: number): Kind {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return propertiesOf(value, Object.keys(value))
  if (value instanceof Error) return propertiesOf(value, errorNames(value))
  if (ArrayBuffer.isView(value)) return { is: 'bytes', bytes: value.byteLength }
  const tag = tagOf.call(value).slice(8, -1)
  return builtIn(value, tag, max) ?? propertiesOf(value, Object.keys(value))
}

function propertiesOf(value: object, names: readonly string[]): Members {
  const record = value as Record<string, unknown>
  return { is: 'members', names, read: (index) => record[names[index] as string] }
}

/** Returns entries in the order of an object's properties, where whole numbers come first. */
function entriesOf(pairs: readonly (readonly [name: unknown, value: unknown])[]): Members {
  const entries = pairs.map(([name, value]) => ({ name: nameText(name), value }))
  const indexes = entries.filter(({ name }) => INDEX.test(name)).sort((a, b) => Number(a.name) - Number(b.name))
  const ordered = indexes.length === 0 ? entries : [...indexes, ...entries.filter(({ name }) => !INDEX.test(name))]
  return {
    is: 'members',
    names: ordered.map(({ name }) => name),
    read: (index) => ordered[index]?.value,
  }
}

const INDEX = /^(?:0|[1-9]\d{0,9})$/

function nameText(name: unknown): string {
  if (name === null) return 'null'
  return typeof name === 'object' || typeof name === 'function' ? `[${typeof name}]` : String(name)
}

function builtIn(value: object, tag: string, max: number): Kind | undefined {
  const read = READERS.get(tag)
  if (!read) return undefined
  try {
    return read(value, max)
  } catch {
    // The object only claims this tag; its own members can still be read.
    return undefined
  }
}

const READERS: ReadonlyMap<string, (value: object, max: number) => Kind> = new Map<
  string,
  (value: object, max: number) => Kind
>([
  ['Date', (value) => ({ is: 'date', date: new Date(Date.prototype.getTime.call(value as Date)) })],
  ['Map', (value, max) => entriesOf(take(Map.prototype.entries.call(value as Map<unknown, unknown>), max))],
  ['Set', (value, max) => ({ is: 'items', items: take(Set.prototype.values.call(value as Set<unknown>), max) })],
  ['Headers', (value, max) => entriesOf(take((value as Headers).entries(), max))],
  ['FormData', (value, max) => entriesOf(take((value as FormData).entries(), max))],
  ['Error', (value) => propertiesOf(value, errorNames(value as Error))],
  ['DOMException', (value) => propertiesOf(value, errorNames(value as Error))],
  ['URL', (value) => ({ is: 'text', text: `${(value as URL).href}` })],
  ['URLSearchParams', (value) => ({ is: 'query', text: URLSearchParams.prototype.toString.call(value) })],
  ['RegExp', (value) => ({ is: 'text', text: RegExp.prototype.toString.call(value) })],
  ['ArrayBuffer', (value) => ({ is: 'bytes', bytes: (value as ArrayBuffer).byteLength })],
  ['SharedArrayBuffer', (value) => ({ is: 'bytes', bytes: (value as SharedArrayBuffer).byteLength })],
  ['String', (value) => ({ is: 'primitive', value: String.prototype.valueOf.call(value) })],
  ['Number', (value) => ({ is: 'primitive', value: Number.prototype.valueOf.call(value) })],
  ['Boolean', (value) => ({ is: 'primitive', value: Boolean.prototype.valueOf.call(value) })],
  ['BigInt', (value) => ({ is: 'primitive', value: BigInt.prototype.valueOf.call(value) })],
  ['Symbol', (value) => ({ is: 'primitive', value: Symbol.prototype.valueOf.call(value) })],
])

function take<T>(iterator: Iterator<T>, max: number): T[] {
  const items: T[] = []
  while (items.length <= max) {
    const next = iterator.next()
    if (next.done === true) break
    items.push(next.value)
  }
  return items
}

/** Lists the members of an error, including its standard ones, which aren't enumerable. */
function errorNames(error: Error): string[] {
  const names = new Set(['name', 'message', 'stack'])
  if (hasCause(error)) names.add('cause')
  if (Object.hasOwn(error, 'errors')) names.add('errors')
  for (const name of Object.keys(error)) names.add(name)
  return [...names]
}

/** A cause whose getter throws counts as present, so that nothing but the cause is lost. */
function hasCause(error: Error): boolean {
  try {
    return 'cause' in error && error.cause !== undefined
  } catch {
    return true
  }
}
