import { readField } from '@msc/core'
import { sha256 } from '../sha256.ts'
import type { Migration } from './database.ts'
import type { DriverTransaction } from './driver.ts'

/** A migration as it is asked for, with the hash of its SQL. */
export interface HashedMigration extends Migration {
  readonly hash: string
}

/** What is recorded of the migrations that were applied. */
export interface Records {
  /**
   * `applied`: as it is. `changed`: with other SQL. `unhashed`: by the Supabase CLI, or by a version of this package that
   * recorded no hash.
   */
  stateOf(migration: HashedMigration): 'missing' | 'applied' | 'changed' | 'unhashed'
}

/**
 * Returns the migration with the SHA-256 of its SQL. How lines end, a byte order mark and blanks at the end are left out of it: a
 * checkout on Windows and an editor change those. Everything else counts, comments too, since telling them from text inside a
 * function takes a parser of SQL.
 */
export async function hashed(migration: Migration): Promise<HashedMigration> {
  const text = migration.sql
    .replace(/^\uFEFF/, '')
    .replaceAll(/\r\n?/g, '\n')
    .trimEnd()
  return { ...migration, hash: await sha256(text) }
}

const MAKE = `do $$ begin
  if to_regclass('msc_migrations.applied') is not null then return; end if;
  if to_regnamespace('msc_migrations') is null then create schema msc_migrations; end if;
  create table msc_migrations.applied (
    version text primary key, hash text not null, applied_at timestamptz not null default now()
  );
end $$`

/** Makes the table of records. It looks first: even for a schema that is there, Postgres asks for the right to make it. */
export async function makeRecords(transaction: DriverTransaction): Promise<void> {
  await transaction.exec(MAKE)
}

/**
 * Reads our records, and those in the table that the Supabase CLI shares with earlier versions of this package. The CLI writes the
 * digits of a file's name as the version, and the rest as its name, which its own early versions left out.
 *
 * Source: https://github.com/supabase/cli/blob/develop/pkg/migration/history.go
 */
export async function readRecords(transaction: DriverTransaction): Promise<Records> {
  const [there] = await transaction.query(
    `select to_regclass('msc_migrations.applied') is not null as own,
      to_regclass('supabase_migrations.schema_migrations') is not null as shared`,
    [],
  )
  const read = (sql: string): Promise<readonly unknown[]> => transaction.query(sql, [])
  const own = readField(there, 'own') === true ? await read('select version, hash from msc_migrations.applied') : []
  // As JSON, since a table that the CLI has not seen has no names.
  const shared =
    readField(there, 'shared') === true
      ? await read(`select version, to_jsonb(m) ->> 'name' as name from supabase_migrations.schema_migrations m`)
      : []
  const hashes = new Map(own.map((row) => [readField(row, 'version'), readField(row, 'hash')]))
  const names = new Map(shared.map((row) => [readField(row, 'version'), readField(row, 'name')]))
  return {
    stateOf({ version, hash }) {
      const known = hashes.get(version)
      if (known !== undefined) return known === hash ? 'applied' : 'changed'
      const parts = cliParts(version)
      const isShared =
        names.has(version) ||
        (parts && names.has(parts.version) && (names.get(parts.version) ?? parts.name) === parts.name)
      return isShared ? 'unhashed' : 'missing'
    },
  }
}

/**
 * Records a migration, and where the Supabase CLI keeps its history in this database, or is about to, also there, as the CLI
 * does: whichever of the two comes second finds what the first has applied.
 */
export async function record(
  transaction: DriverTransaction,
  { version, hash, sql }: HashedMigration,
  isSupabase: boolean,
): Promise<void> {
  await transaction.query('insert into msc_migrations.applied (version, hash) values ($1, $2)', [version, hash])
  const parts = cliParts(version)
  if (!parts) return
  if (isSupabase) await transaction.exec(CLI_TABLE)
  const [found] = await transaction.query(
    `select exists (select from pg_catalog.pg_attribute
      where attrelid = to_regclass('supabase_migrations.schema_migrations') and attname = 'name') as there`,
    [],
  )
  if (readField(found, 'there') !== true) return
  await transaction.query(
    `insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, array[$3])
      on conflict (version) do nothing`,
    [parts.version, parts.name, sql],
  )
}

/** Looks first too: only the owner of a table may alter it, even if nothing is to be done. */
const CLI_TABLE = `do $$ begin
  if (select count(*) from pg_catalog.pg_attribute where attname in ('statements', 'name') and not attisdropped
    and attrelid = to_regclass('supabase_migrations.schema_migrations')) = 2 then return; end if;
  if to_regnamespace('supabase_migrations') is null then create schema if not exists supabase_migrations; end if;
  create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
  alter table supabase_migrations.schema_migrations add column if not exists statements text[];
  alter table supabase_migrations.schema_migrations add column if not exists name text;
end $$`

/** The parts of a name that the CLI gives to a file. */
function cliParts(version: string): { readonly version: string; readonly name: string } | undefined {
  const [, digits, name] = /^(\d{14})_(.*)$/.exec(version) ?? []
  return digits === undefined || name === undefined ? undefined : { version: digits, name }
}
