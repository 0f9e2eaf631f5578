import { MscError, isDriverError, readField } from '@msc/core'

/** What the language throws for a mistake in the code, never for a database that is away. */
const MISTAKES: readonly unknown[] = ['TypeError', 'ReferenceError', 'RangeError', 'SyntaxError']

/** Says whether a failed question to the database may succeed later, as opposed to a mistake that no waiting mends. */
export function isOutage(error: unknown): boolean {
  if (MscError.isInstance(error)) return error.retryable || isDriverError(error)
  return !MISTAKES.includes(readField(error, 'name'))
}

/**
 * An undefined table, schema or function. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const UNDEFINED = /^(?:42P01|3F000|42883)$/

/** Says whether the database lacks what a migration would have made. */
export function lacksMigration(error: unknown): boolean {
  return [error, readField(error, 'cause')].some((each) => {
    const code = readField(each, 'code')
    return typeof code === 'string' && UNDEFINED.test(code)
  })
}
