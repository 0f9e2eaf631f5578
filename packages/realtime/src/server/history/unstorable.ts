import { readField } from '@msc/core'

/** The database takes no such text as jsonb: a NUL, half of a surrogate pair. Its sender is told that it never will. */
export function isUnstorable(error: unknown): boolean {
  const code = readField(error, 'code')
  // Postgres' class of data exceptions.
  return typeof code === 'string' && code.startsWith('22')
}
