/**
 * Returns what `JSON.stringify` writes in a value's place: what its `toJSON` returns, as that of a Date or of a class of the
 * application, else the value itself. A spread needs it first: the copy has lost such a method with its class, and holds
 * what the method would have left out.
 *
 * @throws what `toJSON` throws.
 */
export function jsonForm<T>(value: T): T {
  const own = value as { readonly toJSON?: (key: string) => T } | null | undefined
  return typeof own?.toJSON === 'function' ? own.toJSON('') : value
}
