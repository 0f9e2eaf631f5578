/** Returns a string, boxed or not, as a primitive; `undefined` for anything else. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return undefined
  try {
    return String.prototype.valueOf.call(value)
  } catch {
    return undefined
  }
}
