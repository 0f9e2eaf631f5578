import type { LogRecord } from './coordination.ts'

/** What one process tells the others to drop. Keys are the caller's, without the namespace. */
export type Invalidation =
  | { readonly keys: readonly string[] }
  | { readonly pattern: string }
  | { readonly tag: string }

/** A message of the log: who wrote it, and what. Keys are not repeated: the record has those that were changed with it. */
export function formatInvalidation(origin: string, invalidation: Invalidation): string {
  return JSON.stringify('keys' in invalidation ? [origin] : [origin, invalidation])
}

/**
 * @param nameOf The caller's key of a stored one; `undefined` where it is none.
 * @returns `undefined` for a record that can't be read: its reader then drops everything, to be safe.
 */
export function parseInvalidation(
  { message, keys }: LogRecord,
  nameOf: (stored: string) => string | undefined,
): { readonly origin: string; readonly what: Invalidation } | undefined {
  try {
    const [origin, what] = JSON.parse(message) as [unknown, Partial<Record<'pattern' | 'tag', unknown>> | undefined]
    if (typeof origin !== 'string') return undefined
    if (what === undefined) {
      const names = keys.map(nameOf)
      return names.every((name) => name !== undefined) ? { origin, what: { keys: names } } : undefined
    }
    if (typeof what.pattern === 'string') return { origin, what: { pattern: what.pattern } }
    return typeof what.tag === 'string' ? { origin, what: { tag: what.tag } } : undefined
  } catch {
    return undefined
  }
}
