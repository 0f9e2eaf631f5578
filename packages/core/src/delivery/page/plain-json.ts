/**
 * Plain data as JSON, whatever the page has put on the prototypes of the language: old versions of Prototype.js give
 * `Array.prototype` a `toJSON` that makes text of every list.
 *
 * @throws TypeError for a circle or a BigInt, as `JSON.stringify`.
 */
export function plainJson(value: unknown): string {
  return isPatched() ? write(value) : JSON.stringify(value)
}

/** Bytes of plain JSON in UTF-8. */
export function jsonBytes(value: unknown): number {
  const text = plainJson(value)
  // Most of it is ASCII, where there is nothing to encode.
  return ASCII.test(text) ? text.length : new TextEncoder().encode(text).byteLength
}

const ASCII = /^[\x20-\x7e]*$/

function isPatched(): boolean {
  // Lists inherit from both.
  return 'toJSON' in Array.prototype
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => written(item) ?? 'null').join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  // What is no plain data, such as a date, has a form of its own.
  if (Object.hasOwn(Object.getPrototypeOf(value) ?? {}, 'toJSON') && !isPlain(value)) return JSON.stringify(value)
  const members = Object.entries(value).flatMap(([name, member]) => {
    const text = written(member)
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]
  })
  return `{${members.join(',')}}`
}

/** `undefined` for what JSON has no place for. */
function written(value: unknown): string | undefined {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol' ? undefined : write(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
