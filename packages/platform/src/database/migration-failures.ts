import { ConfigError, DriverError, MscError, toError } from '@msc/core'
import { isContention } from '@msc/core/postgres'
import type { Migration } from './database.ts'
import { textField, sqlState, type FailingDriver } from './failures.ts'

/** What became of the transaction of a migration, as the database says: `unknown` where it was not asked, or did not say. */
export type Fate = 'committed' | 'aborted' | 'unknown'

/** Says whether the same migration may succeed later: another transaction was in the way, or held a lock for too long. */
const mayPass = (error: unknown): boolean => isContention(error) || sqlState(error) === '55P03'

function reason(error: unknown): string {
  return toError(error).message
}

/** Makes the error for a migration whose statements, or whose commit, the database refused. One of ours stays as it is. */
export function migrationFailed(error: unknown, { version, sql }: Migration, driver: FailingDriver): unknown {
  if (MscError.isInstance(error)) return error
  return new DriverError(driver.name, `The migration ${version} failed${lineOf(error, sql)}: ${reason(error)}`, {
    code: 'MIGRATION_FAILED',
    retryable: mayPass(error),
    hint: 'Nothing of it was kept. Correct its SQL, or what it needs in the database, and start again.',
    cause: error,
  })
}

/** Makes the error for a migration during which the database went away, or time was up; undefined for any other. */
export function cutOff(error: unknown, { version }: Migration, driver: FailingDriver): DriverError | undefined {
  if (!MscError.isInstance(error) || !/^(?:DRIVER_|DEADLINE_EXCEEDED$|COMMIT_UNKNOWN$)/.test(error.code))
    return undefined
  const { message, code, retryable, hint } = error
  const said = message.replace(/^\[[^\]]*\] /, '')
  return new DriverError(driver.name, `The migration ${version} was cut off: ${said}`, {
    code,
    retryable,
    ...(hint !== undefined && { hint }),
    cause: error,
  })
}

/** Makes the error for records that the database lets nobody read or write. One of ours stays as it is. */
export function recordsRefused(error: unknown, driver: FailingDriver, version?: string): unknown {
  if (MscError.isInstance(error)) return error
  const what =
    version === undefined ? 'The records of migrations can not be read' : `The migration ${version} can not be recorded`
  return new DriverError(driver.name, `${what}: ${reason(error)}`, {
    code: 'MIGRATION_FAILED',
    retryable: mayPass(error),
    hint: 'Nothing was kept. The login role needs usage of the schema msc_migrations and, where it exists, of supabase_migrations, and select and insert on the tables in them; where they are missing, the right to create schemas in this database.',
    cause: error,
  })
}

const KEPT: Readonly<Record<Fate, string>> = {
  committed: 'What came before its commit was kept, and is not recorded',
  aborted: 'What came before its rollback was undone; what came after it may have been kept, and is not recorded',
  unknown: 'A part of it may have been kept, and is not recorded',
}

/** Makes the error for a migration that is not in the transaction any more which it began in, with what it failed with then. */
export function endsTransaction(
  { version, sql }: Migration,
  fate: Fate,
  failure?: { readonly error: unknown },
): ConfigError {
  const then = failure ? `, and then failed${lineOf(failure.error, sql)}: ${reason(failure.error)}` : '.'
  return new ConfigError(`[msc/database] The migration ${version} ends its transaction${then}`, {
    code: 'MIGRATION_INVALID',
    hint: `Leave begin, commit and rollback out of it. ${KEPT[fate]}: look what is there.`,
    ...(failure && { cause: failure.error }),
  })
}

function lineOf(error: unknown, sql: string): string {
  const position = Number(textField(error, 'position') || Number.NaN)
  return Number.isInteger(position) ? ` at line ${sql.slice(0, position).split('\n').length}` : ''
}
