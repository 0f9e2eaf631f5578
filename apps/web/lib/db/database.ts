import { join } from 'node:path'
import { readField } from '@msc/core'
import {
  configureDatabase,
  getDefaultDatabase,
  type Claims,
  type Database,
  type Profile,
  type Transaction,
} from '@msc/platform'
import { dataDir } from '../env.ts'
import { migrations } from './migrations.ts'
import { refuseKnownPasswords, seed } from './seed.ts'

/**
 * Opens the database that the environment names: Supabase's, a Postgres, or the embedded one in the data folder, which this
 * process must own. Migrates it, and in the profile `local` seeds an embedded one; in the others refuses one that was.
 */
export async function openDatabase(profile: Profile): Promise<Database> {
  const database = configureDatabase({ folder: join(dataDir(), 'pg') })
  await database.migrate(await migrations())
  // Accounts with known passwords have no place in a database that others reach.
  if (profile.seeds && database.driverName === 'pglite') await seed(database)
  if (!profile.seeds) await refuseKnownPasswords(database)
  return database
}

/** Runs `work` in a transaction as the user of `claims`: row level security decides what it can read and change. */
export function asUser<T>(claims: Claims, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return getDefaultDatabase().transaction(claims, work)
}

/** Runs `work` past row level security: for jobs and other code that acts for the platform. */
export function asService<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
  return getDefaultDatabase().asService(work)
}

/** Returns the SQLSTATE that a statement failed with, such as those that the app's own functions raise. */
export function sqlState(error: unknown): string | undefined {
  const own = readField(error, 'code')
  const cause = readField(readField(error, 'cause'), 'code')
  return [own, cause].find((code): code is string => typeof code === 'string' && /^[\dA-Z]{5}$/.test(code))
}
