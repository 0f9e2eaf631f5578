import { ConfigError, readField } from '@msc/core'
import type { Migration } from './database.ts'
import type { DriverTransaction } from './driver.ts'
import { migrationFailed, rolesMissing, sqlState, type FailingDriver } from './failures.ts'
import { hashed, makeRecords, readRecords, record, type HashedMigration } from './migration-records.ts'
import { SHAPE_VERSION } from './supabase-shape.ts'

/** Any number; the same for all processes that migrate one database. */
const LOCK = 4_721_120_731

/** Runs work in one transaction as the login role. `limit` sets how long the server lets it take. */
export type RunMigration = <T>(
  work: (transaction: DriverTransaction, limit: () => Promise<void>) => Promise<T>,
) => Promise<T>

/** Applies what is missing, in the order given. Each migration and its record are one transaction. */
export async function applyMigrations(
  migrations: readonly Migration[],
  run: RunMigration,
  driver: FailingDriver,
): Promise<string[]> {
  assertMigrations(migrations)
  const asked = await Promise.all(migrations.map(hashed))
  // Without the lock: as a rule, everything was applied before.
  const records = await run(readRecords)
  const changed = asked.filter((each) => records.stateOf(each) === 'changed')
  if (changed.length > 0) throw hasChanged(changed.map(({ version }) => version))
  const done: string[] = []
  for (const migration of asked) {
    if (records.stateOf(migration) === 'applied') continue
    if (await run((transaction, limit) => apply(transaction, migration, { driver, limit }))) {
      done.push(migration.version)
    }
  }
  return done
}

/** Resolves with false if another process, or another tool, has applied it. */
async function apply(
  transaction: DriverTransaction,
  migration: HashedMigration,
  { driver, limit }: { readonly driver: FailingDriver; readonly limit: () => Promise<void> },
): Promise<boolean> {
  const { version, sql } = migration
  // Held until the end of the transaction, whatever ends it: of several processes, one applies and the others find the record.
  await transaction.query('select pg_advisory_xact_lock($1)', [LOCK])
  const id = await transactionId(transaction)
  const state = (await readRecords(transaction)).stateOf(migration)
  if (state === 'applied') return false
  if (state === 'changed') throw hasChanged([version])
  await makeRecords(transaction)
  if (state === 'missing') {
    try {
      await transaction.exec('savepoint msc_migration')
      await transaction.exec(sql)
      // A dump makes its settings for the session, and a lock of the session outlives the transaction: the next user of this
      // connection would have them.
      await transaction.exec('reset role; reset all; select pg_advisory_unlock_all()')
    } catch (error) {
      await transaction
        .exec('rollback to savepoint msc_migration; select pg_advisory_unlock_all()')
        .catch(() => undefined)
      if (version === SHAPE_VERSION && sqlState(error) === '42501') throw rolesMissing(error)
      throw migrationFailed(error, version, sql, driver)
    }
    if ((await transactionId(transaction)) !== id) throw endsTransaction(version)
    await limit()
  }
  await record(transaction, migration, driver.capabilities.supabase)
  return state === 'missing'
}

async function transactionId(transaction: DriverTransaction): Promise<unknown> {
  const [row] = await transaction.query('select txid_current()::text as id', [])
  return readField(row, 'id')
}

function endsTransaction(version: string): ConfigError {
  return new ConfigError(`[msc/database] The migration ${version} ends its transaction.`, {
    code: 'MIGRATION_INVALID',
    hint: 'Leave begin, commit and rollback out of it. What came before them was kept, and is not recorded: look what is there.',
  })
}

const MOST_NAMED = 5

function hasChanged(versions: readonly string[]): ConfigError {
  const others = versions.length > MOST_NAMED ? ` and ${versions.length - MOST_NAMED} others` : ''
  return new ConfigError(
    `[msc/database] Migrations have changed since they were applied: ${versions.slice(0, MOST_NAMED).join(', ')}${others}.`,
    {
      code: 'MIGRATION_CHANGED',
      hint: 'Give them the SQL back that was applied, and add a new migration for the change. A database that may be lost, as in development, can be made anew instead.',
    },
  )
}

/** @throws ConfigError `MIGRATION_INVALID`. */
function assertMigrations(migrations: readonly Migration[]): void {
  const seen = new Set<string>()
  for (const { version, sql } of migrations) {
    if (typeof version !== 'string' || !/^\S.{0,199}$/.test(version) || typeof sql !== 'string') {
      throw invalid(
        'A migration has no version, or no SQL.',
        'Pass { version, sql }: a name of at most 200 characters.',
      )
    }
    if (seen.has(version)) {
      throw invalid(`Two migrations have the version ${version}.`, 'Give the later one a version of its own.')
    }
    seen.add(version)
  }
}

function invalid(message: string, hint: string): ConfigError {
  return new ConfigError(`[msc/database] ${message}`, { code: 'MIGRATION_INVALID', hint })
}
