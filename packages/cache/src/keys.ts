import { hash128 } from '@msc/core/hash'
import { stringify } from 'devalue'
import { refuse } from './refuse.ts'

/** Characters of a key that are kept; a longer one keeps its readable start and ends in a hash of the whole. */
const MAX_KEY_LENGTH = 512
/** The same for the name of a query, so that what is kept of a key of it has all of the name. */
const MAX_QUERY_LENGTH = 256

// `isWellFormed` and `toWellFormed` are of ES2024; every runtime that is supported has them.
type Text = string & { isWellFormed(): boolean; toWellFormed(): string }

/**
 * A caller's key as it is kept: itself, or shortened. Half a surrogate pair has no form in UTF-8, so that two such keys
 * would be one in a store: they end in the hash as well.
 *
 * @throws ValidationError for an empty one.
 */
export function keyName(key: string): string {
  if (typeof key === 'string' && key !== '') return bounded(key, MAX_KEY_LENGTH)
  refuse('A key must be a non-empty string', 'CACHE_KEY_INVALID')
}

function bounded(text: string, max: number): string {
  if (text.length <= max && (text as Text).isWellFormed()) return text
  // The cut may have made half a pair of a whole one.
  return `${(text.slice(0, max - 34) as Text).toWellFormed()}#${hash128(text)}`
}

/** What every key of the query begins with. */
export function queryPrefix(name: string): string {
  return `query:${bounded(name, MAX_QUERY_LENGTH)}:`
}

/** The key of `cacheQuery(name, params)`: the same for equal parameters, whatever the order of their properties. */
export function queryKey(name: string, params: unknown): string {
  return queryPrefix(name) + stringify(sorted(params))
}

/** Objects become Maps with their keys in order, so that no key, not even `__proto__`, is special. */
export function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  // A property that is undefined is the same question as one that is absent.
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sorted(each)]))
}
