import { ConfigError, acceptEmbedded, lazyDriver, readEnv, type Env } from '@msc/core'
import { assertPostgresAddress, postgresEndpoint } from '@msc/core/postgres-address'
import type { DatabaseDriver } from '../driver.ts'

type Declared = Pick<DatabaseDriver, 'name' | 'endpoint' | 'variables' | 'capabilities'>

/** A driver whose code is loaded with its first call. */
function lazyDatabase(declared: Declared, load: () => Promise<DatabaseDriver>): DatabaseDriver {
  const { method, health, close } = lazyDriver<DatabaseDriver>(declared.name, load)
  return {
    specificationVersion: 1,
    ...declared,
    transaction: method('transaction'),
    client: method('client'),
    health,
    close,
  }
}

function serverFromEnv(
  env: Env,
  name: string,
  variable: string,
  load: (url: string) => Promise<DatabaseDriver>,
): DatabaseDriver | undefined {
  const url = readEnv(env, variable)
  if (url === undefined) return undefined
  assertNoPlaceholder(url, variable)
  assertPostgresAddress(url, { concern: 'database', driver: name, variable })
  const capabilities = { shared: true, supabase: name === 'supabase' }
  const declared = { name, endpoint: postgresEndpoint(url), variables: [variable], capabilities }
  return lazyDatabase(declared, () => load(url))
}

/** The addresses in Supabase's dashboard have `[YOUR-PASSWORD]` where the password belongs. */
function assertNoPlaceholder(url: string, variable: string): void {
  if (!/:\[[A-Z-]*PASSWORD\]@/i.test(url)) return
  throw new ConfigError(`[msc/database] ${variable} is set but the password in it is not.`, {
    code: 'CONFIG_HALF_SET',
    hint: `Put the password of the database in the place of the brackets in ${variable}, percent-encoded.`,
  })
}

/** @throws ConfigError `CONFIG_HALF_SET` and `DATABASE_URL_INVALID`. */
export function supabaseFromEnv(env: Env): DatabaseDriver | undefined {
  return serverFromEnv(env, 'supabase', 'SUPABASE_DB_URL', async (url) =>
    (await import('./supabase.ts')).supabase({ url }),
  )
}

/** @throws ConfigError `CONFIG_HALF_SET` and `DATABASE_URL_INVALID`. */
export function postgresFromEnv(env: Env): DatabaseDriver | undefined {
  return serverFromEnv(env, 'postgres', 'DATABASE_URL', async (url) =>
    (await import('./postgres.ts')).postgres({ url }),
  )
}

/**
 * The embedded database in `folder`, else in the folder `pg` of MSC_DATA_DIR, else in memory.
 *
 * @throws ConfigError `EMBEDDED_IN_PRODUCTION`.
 */
export function pgliteFromEnv(env: Env, folder: string | undefined): DatabaseDriver {
  const data = readEnv(env, 'MSC_DATA_DIR')
  const path = folder ?? (data === undefined ? undefined : `${data.replace(/[\\/]+$/, '')}/pg`)
  acceptEmbedded(env, {
    scope: 'database',
    driver: 'pglite',
    risk: `keeps its data ${path === undefined ? 'in memory, where it is lost with the process,' : 'in a folder of this machine'} and serves one process`,
    variables: ['SUPABASE_DB_URL, or DATABASE_URL'],
  })
  const declared = { name: 'pglite', variables: ['MSC_DATA_DIR'], capabilities: { shared: false, supabase: false } }
  return lazyDatabase(declared, async () =>
    (await import('./pglite.ts')).pglite(path === undefined ? {} : { folder: path }),
  )
}
