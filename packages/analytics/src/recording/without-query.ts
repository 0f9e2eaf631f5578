/** An address without its query, fragment and credentials, which is where secrets and searches travel. */
export function withoutQuery(address: string): string {
  const end = address.search(/[?#]/)
  const bare = end === -1 ? address : address.slice(0, end)
  return bare.slice(0, MAX_ADDRESS).replace(/^([a-z][a-z\d+.-]{0,20}:\/\/)[^/@]{0,500}@/i, '$1')
}

const MAX_ADDRESS = 2000

/** Names of properties that hold addresses: `$current_url`, `$session_entry_url`, `$referrer`, `$initial_referrer`. */
const ADDRESS_NAME = /(?:url|referrer|href)$/i

/** A copy of what a vendor's SDK has collected by itself, with {@link withoutQuery} for every address in it. */
export function withoutQueries<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null || depth > 8) return value
  if (Array.isArray(value)) return value.map((item: unknown) => withoutQueries(item, depth + 1)) as T
  const entries = Object.entries(value).map(([name, member]): [string, unknown] => [
    name,
    typeof member === 'string' && ADDRESS_NAME.test(name) ? withoutQuery(member) : withoutQueries(member, depth + 1),
  ])
  return Object.fromEntries(entries) as T
}
