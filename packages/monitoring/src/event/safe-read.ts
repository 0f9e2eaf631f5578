/** Reading what somebody else made: a getter, a proxy or a `toString` that throws costs the one value that it is about. */

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

/** `instanceof` asks the value for its prototype, which a revoked proxy or a trap refuses by throwing. */
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

/** The items of a list, each read for itself; `undefined` for what is no list. Reads at most `max`, from the start. */
export function itemsOf(list: unknown, max: number): readonly unknown[] | undefined {
  return attempt(() => {
    if (!Array.isArray(list)) return undefined
    const count = Math.min(list.length, max)
    return Array.from({ length: count }, (_, index) => property(list, index))
  })
}

/** The text of a value; `[unreadable]` for one that has none. */
export function readText(value: unknown): string {
  return attempt(() => String(value)) ?? '[unreadable]'
}
