/**
 * Writes plain data as JSON regardless of what a page has added to built-in prototypes: old versions of Prototype.js give
 * `Array.prototype` a `toJSON` that turns every list into a string.
 *
 * @throws TypeError for a cycle or a BigInt, like `JSON.stringify`.
 */
export function plainJson(value: unknown): string {
  return isPatched() ? write(value) : JSON.stringify(value)
}

/** Returns the number of UTF-8 bytes of a value's plain JSON. */
export function jsonBytes(value: unknown): number {
  const text = plainJson(value)
  // Most texts are ASCII and need no encoding.
  return ASCII.test(text) ? text.length : new TextEncoder().encode(text).byteLength
}

const ASCII = /^[\x20-\x7e]*$/

function isPatched(): boolean {
  // Arrays inherit from `Array.prototype` and `Object.prototype`; `in` checks both.
  return 'toJSON' in Array.prototype
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => written(item) ?? 'null').join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  // A value with a JSON form of its own, such as a date.
  if (Object.hasOwn(Object.getPrototypeOf(value) ?? {}, 'toJSON') && !isPlain(value)) return JSON.stringify(value)
  const members = Object.entries(value).flatMap(([name, member]) => {
    const text = written(member)
    return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]
  })
  return `{${members.join(',')}}`
}

/** Returns `undefined` for a value that JSON omits. */
function written(value: unknown): string | undefined {
  return value === undefined || typeof value === 'function' || typeof value === 'symbol' ? undefined : write(value)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
