/** Functions that read foreign values: a getter, a proxy or a `toString` that throws loses only the value concerned. */

export function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

/** An `instanceof` that never throws, where a revoked proxy or a trap of one would. */
export function isInstance<T>(value: unknown, of: abstract new (...args: never[]) => T): value is T {
  return attempt(() => value instanceof of) === true
}

export function property(from: unknown, name: PropertyKey): unknown {
  return attempt(() => (from as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[name])
}

export function textProperty(from: unknown, name: PropertyKey): string | undefined {
  const value = property(from, name)
  return typeof value === 'string' ? value : undefined
}

/** Reads the first `max` items of a list, each on its own. Returns `undefined` for a value that is not a list. */
export function itemsOf(list: unknown, max: number): readonly unknown[] | undefined {
  return attempt(() => {
    if (!Array.isArray(list)) return undefined
    const count = Math.min(list.length, max)
    return Array.from({ length: count }, (_, index) => property(list, index))
  })
}

/** Returns the text of a value, or `[unreadable]` if it has none. */
export function readText(value: unknown): string {
  return attempt(() => String(value)) ?? '[unreadable]'
}
