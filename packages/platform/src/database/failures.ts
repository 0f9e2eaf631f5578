import { MscError, ValidationError, readField } from '@msc/core'

/** A row exists already, or something depends on it. */
const CONFLICT = /^23(?:503|505|P01)$/

/**
 * Returns the error that a caller gets for what a statement failed with. Errors of the connection stay the driver's.
 *
 * Source: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function translate(error: unknown): unknown {
  if (MscError.isInstance(error)) return error
  const code = readField(error, 'code')
  if (typeof code !== 'string') return error
  if (/^22|^2350[24]$|^23514$/.test(code)) {
    // The message of Postgres quotes the value, which is a person's.
    return new ValidationError(
      'A value does not fit its column.',
      [{ message: 'can not be stored', path: column(error) }],
      {
        code: 'DATABASE_VALUE_INVALID',
        cause: error,
      },
    )
  }
  if (CONFLICT.test(code)) {
    return new MscError('The row conflicts with another one.', { code: 'DATABASE_CONFLICT', cause: error })
  }
  if (code === '42501') {
    return new MscError('The role of this transaction may not do this.', { code: 'DATABASE_FORBIDDEN', cause: error })
  }
  return error
}

function column(error: unknown): string {
  const name = readField(error, 'column')
  return typeof name === 'string' ? name : ''
}
