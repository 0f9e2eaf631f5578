import type { DriverTransaction } from './driver.ts'
import type { Migration } from './database.ts'

/** Any number; the same for all processes that migrate one database. */
const LOCK = 4_721_120_731

/** Applies what is missing, in order. Each migration and its record are one transaction. */
export async function applyMigrations(
  migrations: readonly Migration[],
  run: <T>(work: (transaction: DriverTransaction) => Promise<T>) => Promise<T>,
): Promise<string[]> {
  const sorted = migrations.toSorted((a, b) => (a.version < b.version ? -1 : 1))
  const done: string[] = []
  for (const { version, sql } of sorted) {
    const applied = await run(async (transaction) => {
      // Held until the end of the transaction: of several processes, one applies and the others find the record.
      await transaction.query('select pg_advisory_xact_lock($1)', [LOCK])
      await transaction.exec(`create schema if not exists supabase_migrations;
        create table if not exists supabase_migrations.schema_migrations (
          version text primary key, applied_at timestamptz not null default now()
        )`)
      const known = await transaction.query(
        'select 1 as known from supabase_migrations.schema_migrations where version = $1',
        [version],
      )
      if (known.length > 0) return false
      await transaction.exec(sql)
      await transaction.query('insert into supabase_migrations.schema_migrations (version) values ($1)', [version])
      return true
    })
    if (applied) done.push(version)
  }
  return done
}
