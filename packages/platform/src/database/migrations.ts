import { ConfigError, MscError, readField } from '@msc/core'
import type { Migration } from './database.ts'
import type { DriverTransaction, DriverTransactionOptions } from './driver.ts'
import { rolesMissing, sqlState, type FailingDriver } from './failures.ts'
import { cutOff, endsTransaction, migrationFailed, recordsRefused, type Fate } from './migration-failures.ts'
import { hashed, makeRecords, readRecords, record, type HashedMigration } from './migration-records.ts'
import { SHAPE_VERSION } from './supabase-shape.ts'

/** Any number; the same for all processes that migrate one database. */
const LOCK = 4_721_120_731

/** What a migration runs with. */
export interface MigrationContext {
  /**
   * Runs work in one transaction as the login role, and throws what the database answers as it is, also to the commit.
   * `leavesNothing` as drivers take it.
   */
  run<T>(work: (transaction: DriverTransaction) => Promise<T>, options?: DriverTransactionOptions): Promise<T>
  /** Sets how long the server lets the transaction take. */
  limit(transaction: DriverTransaction): Promise<void>
  readonly driver: FailingDriver
}

/** Applies what is missing, in the order given. Each migration and its record are one transaction. */
export async function applyMigrations(migrations: readonly Migration[], context: MigrationContext): Promise<string[]> {
  const { run, driver } = context
  assertMigrations(migrations)
  const asked = await Promise.all(migrations.map(hashed))
  // Without the lock: as a rule, everything was applied before.
  const records = await run(readRecords).catch((error: unknown) => {
    throw recordsRefused(error, driver)
  })
  const changed = asked.filter((each) => records.stateOf(each) === 'changed')
  if (changed.length > 0) throw hasChanged(changed.map(({ version }) => version))
  const done: string[] = []
  for (const migration of asked) {
    if (records.stateOf(migration) === 'applied') continue
    const applying = run((transaction) => apply(transaction, migration, context), { leavesNothing: true })
    const isOurs = await applying.catch((error: unknown) => {
      // Everything else is named by now, so this is what the database says to the commit, or a connection that was lost.
      throw cutOff(error, migration, driver) ?? migrationFailed(error, migration, driver)
    })
    if (isOurs) done.push(migration.version)
  }
  return done
}

/** Resolves with false if another process, or another tool, has applied it. */
async function apply(
  transaction: DriverTransaction,
  migration: HashedMigration,
  { driver, limit }: MigrationContext,
): Promise<boolean> {
  const { version } = migration
  const recorded = async <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw recordsRefused(error, driver, version)
    })
  // Held until the end of the transaction, whatever ends it: of several processes, one applies and the others find the record.
  await transaction.query('select pg_advisory_xact_lock($1)', [LOCK])
  // A session remembers the names that it has not found, and hears that others have made them only when it opens a table.
  await transaction.query('select from pg_catalog.pg_class limit 0', [])
  const state = (await recorded(readRecords(transaction))).stateOf(migration)
  if (state === 'applied') return false
  if (state === 'changed') throw hasChanged([version])
  await recorded(makeRecords(transaction))
  if (state === 'missing') {
    await send(transaction, migration, driver)
    await limit(transaction)
  }
  await recorded(record(transaction, migration, driver.capabilities.supabase))
  return state === 'missing'
}

/**
 * The record that follows is written by the login role, with the settings it has. A transaction pooler goes on with this session
 * for somebody else, whoever closes the connection.
 */
const takeBack = (login: string): string =>
  // By its name, since PGlite knows none to reset it to.
  `set session authorization ${login}; reset role; reset all; select pg_advisory_unlock_all()`

/** Sends the SQL of a migration, whose transaction is the same one afterwards, or else ends with an error. */
async function send(transaction: DriverTransaction, migration: Migration, driver: FailingDriver): Promise<void> {
  const { id, login } = await identify(transaction)
  try {
    await transaction.exec('savepoint msc_migration')
    await transaction.exec(migration.sql)
    await transaction.exec(takeBack(login))
  } catch (thrown) {
    const error = answerOf(thrown)
    // The connection is lost, or the time is up: nothing can be asked.
    if (MscError.isInstance(error)) throw error
    // A savepoint ends with its transaction: if it is there still, and is the same one's, nothing was kept.
    const isUndone = await transaction
      .exec('rollback to savepoint msc_migration; select pg_advisory_unlock_all()')
      .then(async () => (await identify(transaction)).id === id)
      .catch(() => false)
    if (!isUndone) throw endsTransaction(migration, await fateOf(transaction, id), { error })
    if (migration.version === SHAPE_VERSION && sqlState(error) === '42501') throw rolesMissing(error)
    throw migrationFailed(error, migration, driver)
  }
  if ((await identify(transaction)).id !== id) throw endsTransaction(migration, await fateOf(transaction, id))
}

/**
 * Returns what the server said, also where a driver has made an error of its own of that, as of those of a transaction that is
 * none any more (25P01). A server that stops or only reads is named by the driver's error.
 */
function answerOf(error: unknown): unknown {
  const cause = MscError.isInstance(error) ? error.cause : undefined
  const isAnswered = typeof readField(cause, 'severity') === 'string' && !/^(?:08|57P|25006)/.test(sqlState(cause))
  return isAnswered ? cause : error
}

/** Returns the id of the transaction, and the login role as SQL has its name. */
async function identify(transaction: DriverTransaction): Promise<{ readonly id: string; readonly login: string }> {
  const [row] = await transaction.query('select txid_current()::text as id, quote_ident(session_user) as login', [])
  return { id: String(readField(row, 'id')), login: String(readField(row, 'login')) }
}

/** Asks what became of a transaction that is over. What the migration has open instead is undone. */
async function fateOf(transaction: DriverTransaction, id: string): Promise<Fate> {
  try {
    await transaction.exec('rollback')
    const [row] = await transaction.query('select txid_status($1::text::bigint) as status', [id])
    const status = readField(row, 'status')
    return status === 'committed' || status === 'aborted' ? status : 'unknown'
  } catch {
    return 'unknown'
  }
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

/** A name in one line. Postgres has no NUL in text, and what a terminal does with other control characters nobody should see. */
const VERSION = /^(?!\s)[^\p{Cc}\p{Cs}\u2028\u2029]{1,200}$/u

/** @throws ConfigError `MIGRATION_INVALID`. */
export function assertMigrations(migrations: readonly Migration[]): void {
  if (!Array.isArray(migrations)) throw invalid('The migrations are no list.', 'Pass a list of { version, sql }.')
  const seen = new Set<string>()
  for (const each of migrations as readonly unknown[]) {
    const [version, sql] = [readField(each, 'version'), readField(each, 'sql')]
    if (typeof version !== 'string' || !VERSION.test(version) || typeof sql !== 'string' || sql.includes('\0')) {
      throw invalid(
        'A migration has no version, or no SQL.',
        'Pass { version, sql }: a name of at most 200 characters in one line, and SQL without NUL.',
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
