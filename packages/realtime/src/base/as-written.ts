/**
 * What was given, as it is now: the application may go on with its objects. JSON text, or a copy of bytes; `undefined` for what JSON
 * can't carry. See `readBack`.
 */
export const asWritten = (values: readonly unknown[]): readonly (string | Uint8Array | undefined)[] =>
  values.map((value) => {
    try {
      return value instanceof Uint8Array ? new Uint8Array(value) : JSON.stringify(value)
    } catch {
      return undefined
    }
  })
