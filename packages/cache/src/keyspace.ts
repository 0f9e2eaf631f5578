import { keyName } from './keys.ts'

/** Where one cache keeps things. `@` keeps what is ours apart from what patterns of the caller can reach. */
export interface Keyspace {
  value(key: string): string
  lock(key: string): string
  counter(key: string): string
  /** Of a rate limit. */
  limit(id: string): string
  tag(tag: string): string
  /** The caller's key of a stored value; `undefined` where it is none. */
  nameOf(stored: string): string | undefined
  /** The log of invalidations. */
  readonly log: string
}

export function keyspace(namespace: string): Keyspace {
  return {
    value: (key) => `${namespace}:${key}`,
    lock: (key) => `${namespace}@lock:${key}`,
    counter: (key) => `${namespace}@count:${key}`,
    limit: (id) => `${namespace}@limit:${id}`,
    tag: (tag) => `${namespace}@tag:${keyName(tag)}`,
    nameOf: (stored) => (stored.startsWith(`${namespace}:`) ? stored.slice(namespace.length + 1) : undefined),
    log: namespace,
  }
}
