import { MscError, isDriverError, readField } from '@msc/core'
import type { Database, Transaction } from './database/database.ts'

export interface AskOptions {
  readonly database: Database
  readonly timeoutMs: number
  /** Makes the error that a caller gets. */
  explain(cause: unknown): Error
}

export type Ask = <T>(work: (tx: Transaction) => Promise<T>, signal?: AbortSignal) => Promise<T>

/** Makes a function that runs work for the platform, within `timeoutMs`, and explains what it fails with. */
export function createAsk({ database, timeoutMs, explain }: AskOptions): Ask {
  return async (work, signal) => {
    try {
      return await database.asService(work, { timeoutMs, ...(signal && { signal }) })
    } catch (cause) {
      throw explain(cause)
    }
  }
}

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
