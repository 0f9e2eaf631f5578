import { ConfigError, readField } from '@msc/core'
import type { Migration } from './database.ts'
import type { DriverTransaction } from './driver.ts'
import { migrationFailed, rolesMissing, sqlState, type FailingDriver } from './failures.ts'
import { SHAPE_VERSION } from './supabase-shape.ts'

/** Any number; the same for all processes that migrate one database. */
const LOCK = 4_721_120_731

/** Runs work in one transaction as the login role. */
export type RunMigration = <T>(work: (transaction: DriverTransaction) => Promise<T>) => Promise<T>

/** Applies what is missing, in the order given. Each migration and its record are one transaction. */
export async function applyMigrations(
  migrations: readonly Migration[],
  run: RunMigration,
  driver: FailingDriver,
): Promise<string[]> {
  assertMigrations(migrations)
  const known = await run(recordedVersions)
  const done: string[] = []
  for (const migration of migrations) {
    if (known.has(migration.version)) continue
    if (await run((transaction) => apply(transaction, migration, driver))) done.push(migration.version)
  }
  return done
}

/** Saves a restart the locks: as a rule, everything was applied before. */
async function recordedVersions(transaction: DriverTransaction): Promise<ReadonlySet<unknown>> {
  const [found] = await transaction.query(
    `select to_regclass('supabase_migrations.schema_migrations') is not null as there`,
    [],
  )
  if (readField(found, 'there') !== true) return new Set()
  const rows = await transaction.query('select version from supabase_migrations.schema_migrations', [])
  return new Set(rows.map((row) => readField(row, 'version')))
}

/** Resolves with false if another process has applied it meanwhile. */
async function apply(
  transaction: DriverTransaction,
  { version, sql }: Migration,
  driver: FailingDriver,
): Promise<boolean> {
  // Held until the end of the transaction: of several processes, one applies and the others find the record.
  await transaction.query('select pg_advisory_xact_lock($1)', [LOCK])
  const id = await transactionId(transaction)
  if ((await recordedVersions(transaction)).has(version)) return false
  // Even for a schema that is there, Postgres asks for the right to make it.
  await transaction.exec(`do $$ begin
    if to_regclass('supabase_migrations.schema_migrations') is not null then return; end if;
    create schema if not exists supabase_migrations;
    create table supabase_migrations.schema_migrations (
      version text primary key, applied_at timestamptz not null default now()
    );
  end $$`)
  try {
    await transaction.exec(sql)
    // A dump makes its settings for the session, and the next user of this connection would have them.
    await transaction.exec('reset role; reset all')
  } catch (error) {
    if (version === SHAPE_VERSION && sqlState(error) === '42501') throw rolesMissing(error)
    throw migrationFailed(error, version, sql, driver)
  }
  if ((await transactionId(transaction)) !== id) throw endsTransaction(version)
  await transaction.query('insert into supabase_migrations.schema_migrations (version) values ($1)', [version])
  return true
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
