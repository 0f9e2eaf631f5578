import { assertOptions, assertText, defaultInstance, processEnv, type Env } from '@msc/core'
import { createDatabase, type DatabaseOptions } from './create-database.ts'
import type { Database } from './database.ts'
import { pgliteFromEnv, postgresFromEnv, supabaseFromEnv } from './drivers/from-env.ts'

/** The options of {@link createDatabaseFromEnv}: {@link DatabaseOptions} without the driver, which the environment names. */
export interface DatabaseFromEnvOptions extends Omit<DatabaseOptions, 'driver'> {
  /**
   * The folder of the embedded database, when the environment names no server. Default: `pg` in MSC_DATA_DIR; without that,
   * memory. Own it first: see `ownFolder` of @msc/platform/node.
   */
  readonly folder?: string
}

/**
 * Makes a database on Supabase (with SUPABASE_DB_URL), else on a Postgres server (with DATABASE_URL), else embedded in this
 * process. Does no I/O.
 *
 * @throws ConfigError `DATABASE_URL_INVALID`, `CONFIG_HALF_SET` for an address that has a placeholder in the place of its
 *   password, and `EMBEDDED_IN_PRODUCTION` in production without a server, unless `MSC_ALLOW_EMBEDDED` is set.
 */
export function createDatabaseFromEnv(options: DatabaseFromEnvOptions = {}, env: Env = processEnv()): Database {
  assertOptions('database', options)
  const { folder, ...rest } = options
  if (folder !== undefined) assertText('database', 'folder', folder)
  const driver = supabaseFromEnv(env) ?? postgresFromEnv(env) ?? pgliteFromEnv(env, folder)
  return createDatabase({ ...rest, driver })
}

const instance = defaultInstance<Database>('@msc/database', () => createDatabaseFromEnv())

/**
 * The database of the process. Until `configureDatabase` is called, it is made from the environment.
 *
 * @throws ConfigError as {@link createDatabaseFromEnv}.
 */
export const getDefaultDatabase: () => Database = instance.get
/** Replaces the default database. The caller closes the old one. */
export const setDefaultDatabase: (database: Database | undefined) => void = instance.set

/**
 * Makes a database from the environment, replaces the default one with it, and returns it. A previous one that this function
 * or the first call made is closed in the background; one that was passed to {@link setDefaultDatabase} is left for the
 * caller to close.
 *
 * @throws ConfigError as {@link createDatabaseFromEnv}; the previous database stays in place then.
 */
export function configureDatabase(options: DatabaseFromEnvOptions = {}, env?: Env): Database {
  return instance.replace(createDatabaseFromEnv(options, env))
}
