/** What one process tells the others to drop. Keys are the caller's, without the namespace. */
export type Invalidation =
  | { readonly keys: readonly string[] }
  | { readonly pattern: string }
  | { readonly tag: string }

/** A message of the log: who wrote it, and what. */
export function formatInvalidation(origin: string, invalidation: Invalidation): string {
  return JSON.stringify([origin, invalidation])
}

/** `undefined` for a message that can't be read: its reader then drops everything, to be safe. */
export function parseInvalidation(text: string): { readonly origin: string; readonly what: Invalidation } | undefined {
  try {
    const [origin, what] = JSON.parse(text) as [unknown, Partial<Record<'keys' | 'pattern' | 'tag', unknown>>]
    if (typeof origin !== 'string') return undefined
    if (Array.isArray(what.keys) && what.keys.every((key) => typeof key === 'string')) {
      return { origin, what: { keys: what.keys as string[] } }
    }
    if (typeof what.pattern === 'string') return { origin, what: { pattern: what.pattern } }
    return typeof what.tag === 'string' ? { origin, what: { tag: what.tag } } : undefined
  } catch {
    return undefined
  }
}
