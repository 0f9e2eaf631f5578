/** Returns an address without its query, fragment and credentials, which may hold secrets and searches. */
export function withoutQuery(address: string): string {
  const end = address.search(/[?#]/)
  const bare = end === -1 ? address : address.slice(0, end)
  return bare.replace(/^([a-z][a-z\d+.-]{0,20}:\/\/)[^/@]{0,500}@/i, '$1')
}

/**
 * Names of properties that hold addresses: `$current_url`, `$session_entry_url`, `$referrer`, and attributes of
 * elements.
 */
const ADDRESS_NAME = /(?:url|referrer|href|src|srcset|action)$/i
/** No real page is as deep; anything deeper is dropped, since it would be sent unchecked. */
const DEEPEST = 1000

/** Copies data that a vendor's SDK has collected, with {@link withoutQuery} applied to every address in it. */
export function withoutQueries<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEEPEST) return undefined as T
  if (Array.isArray(value)) return value.map((item: unknown) => withoutQueries(item, depth + 1)) as T
  // Other objects, such as dates, are the SDK's own and hold no address.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const entries = Object.entries(value).map(([name, member]): [string, unknown] => [
    name,
    typeof member === 'string' && ADDRESS_NAME.test(name) ? withoutQuery(member) : withoutQueries(member, depth + 1),
  ])
  return Object.fromEntries(entries) as T
}
