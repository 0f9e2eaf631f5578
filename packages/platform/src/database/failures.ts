import { ConfigError, DriverError, MscError, ValidationError, readField, toError } from '@msc/core'
import { isContention, postgresFailure } from '@msc/core/postgres'
import type { DatabaseDriver } from './driver.ts'

/** What names a driver in its errors. */
export type FailingDriver = Pick<DatabaseDriver, 'name' | 'variables' | 'capabilities'>

/** A row exists already, or something depends on it. */
const CONFLICT = /^23(?:503|505|P01)$/
/** Data that does not fit: class 22, a missing value, a check. */
const INVALID = /^22|^2350[24]$|^23514$/

/**
 * Returns the error that a caller gets for what a statement failed with.
 *
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function translate(error: unknown, driver: FailingDriver): unknown {
  if (MscError.isInstance(error)) return error
  const code = sqlState(error)
  if (INVALID.test(code)) {
    // The message of Postgres quotes the value, which is a person's.
    return new ValidationError(
      'A value does not fit its column.',
      [{ message: 'can not be stored', path: textField(error, 'column') }],
      { code: 'DATABASE_VALUE_INVALID', cause: error },
    )
  }
  if (CONFLICT.test(code)) {
    const constraint = textField(error, 'constraint')
    return new MscError(`The row conflicts with another one${constraint && ` (${constraint})`}.`, {
      code: 'DATABASE_CONFLICT',
      cause: error,
    })
  }
  if (code === '42501') {
    return new MscError('The role of this transaction may not do this.', { code: 'DATABASE_FORBIDDEN', cause: error })
  }
  if (isContention(error)) {
    return new DriverError(driver.name, 'Another transaction was in the way.', {
      code: 'CONTENDED',
      retryable: true,
      hint: 'Run the whole transaction again.',
      cause: error,
    })
  }
  if (code === '57014') {
    return new DriverError(driver.name, 'A statement took longer than it may.', {
      code: 'DEADLINE_EXCEEDED',
      retryable: true,
      hint: 'Give the transaction a larger `timeoutMs`, or do less in it; the server may have a `statement_timeout` of its own.',
      cause: error,
    })
  }
  if (code === '25P02') return transactionAborted(driver.name, error)
  const [variable] = driver.variables ?? []
  return postgresFailure(error, {
    driver: driver.name,
    needs: 'the schemas of the application',
    ...(variable !== undefined && { variable }),
  })
}

/** Makes the error for a transaction that Postgres keeps nothing of, because one of its statements has failed. */
export function transactionAborted(driver: string, cause?: unknown): DriverError {
  return new DriverError(driver, 'A statement of the transaction failed before, so nothing of it is kept.', {
    code: 'TRANSACTION_ABORTED',
    hint: 'Let the error of the statement end the work, or set a savepoint before it and roll back to that.',
    cause,
  })
}

/** Makes the error for a login role that may not make the roles of Supabase, with what an administrator has to run. */
export function rolesMissing(cause: unknown): ConfigError {
  return new ConfigError('[msc/database] The login role may not create or use the roles of Supabase.', {
    code: 'DATABASE_ROLES_MISSING',
    hint: 'If service_role is there, it has to bypass row level security (alter role service_role bypassrls). Let an administrator run what is missing of: create role anon nologin noinherit; create role authenticated nologin noinherit; create role service_role nologin noinherit bypassrls; grant anon, authenticated, service_role to <the login role>;',
    cause,
  })
}

/** The SQLSTATE that Postgres gave to an error, or an empty text. */
export function sqlState(error: unknown): string {
  return textField(error, 'code')
}

/** A field of an error of Postgres, or an empty text. */
export function textField(error: unknown, name: string): string {
  const value = readField(error, name)
  return typeof value === 'string' ? value : ''
}

/** How far a transaction is: it waits for a connection, its work runs, or its work is done and the commit under way. */
export type Phase = 'waiting' | 'working' | 'committing'

/**
 * Returns the error for a transaction that its deadline or its caller's signal has ended.
 *
 * @param waiting How many other transactions wait for a connection.
 */
export function endedByTime(
  error: unknown,
  phase: Phase,
  { driver, waiting }: { readonly driver: FailingDriver; readonly waiting: number },
): unknown {
  if (phase === 'committing') return commitUnknown(driver.name, error)
  if (readField(error, 'code') !== 'DEADLINE_EXCEEDED') return error
  const hint = hintOf(phase, waiting, driver)
  if (hint === undefined) return error
  return new MscError(toError(error).message, { code: 'DEADLINE_EXCEEDED', retryable: true, hint, cause: error })
}

/** A transaction that waits for one inside it looks like this: it works, and another one waits. */
function hintOf(phase: Phase, waiting: number, { capabilities, variables }: FailingDriver): string | undefined {
  const nested = 'If work opens a second transaction and waits for it, hand it the first one instead.'
  if (!capabilities.shared) {
    const isOne = 'The embedded database has one connection, on which transactions wait for each other.'
    return phase === 'waiting' || waiting > 0 ? `${isOne} ${nested}` : undefined
  }
  if (phase === 'working') return waiting > 0 ? `Other transactions wait for a connection. ${nested}` : undefined
  const check = (variables ?? []).length > 0 ? `Check ${variables?.join(', ')}, and that` : 'Check that'
  return `No connection was free or made in time. ${check} the server can be reached. If it can, raise \`maxConnections\`. ${nested}`
}

/** Makes the error for a commit whose answer nobody has seen. */
export function commitUnknown(driver: string, cause: unknown): DriverError {
  return new DriverError(driver, 'The connection was lost during the commit: nobody knows whether the work was kept.', {
    code: 'COMMIT_UNKNOWN',
    hint: 'Ask the database whether the rows are there before you do it again, or give them keys of your own.',
    cause,
  })
}
