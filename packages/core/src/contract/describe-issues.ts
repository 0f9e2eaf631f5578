import type { ValidationIssue } from '../errors/errors.ts'
import type { SchemaIssue } from './schema.ts'

/** Turns a schema's issues into a message about `what` and a list with each path as text. */
export function describeIssues(
  found: readonly SchemaIssue[],
  what: string,
): readonly [message: string, issues: readonly ValidationIssue[]] {
  const issues = found.map(({ message, path }) => ({
    message,
    path: (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  }))
  const [first] = issues
  return [`${what} is not valid: ${first?.path ? `${first.path}: ` : ''}${first?.message}`, issues]
}
