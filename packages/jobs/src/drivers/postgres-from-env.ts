import { processEnv, readEnv, type Env } from '@msc/core'
import { assertPostgresAddress, postgresEndpoint } from '@msc/core/postgres-address'
import type { JobsDriver } from '../driver.ts'
import { lazyEmbedded } from './lazy.ts'

/**
 * The embedded engine on the Postgres that DATABASE_URL names, or `undefined` without it. Its code is loaded with the first
 * call.
 *
 * @throws ConfigError `DATABASE_URL_INVALID`.
 */
export function postgresFromEnv(env: Env = processEnv()): JobsDriver | undefined {
  const url = readEnv(env, 'DATABASE_URL')
  if (url === undefined) return undefined
  assertPostgresAddress(url, { concern: 'jobs' })
  const declared = { name: 'postgres', endpoint: postgresEndpoint(url), variables: ['DATABASE_URL'] }
  return lazyEmbedded(declared, ['sendIn', 'observe'], async () =>
    (await import('../stores/postgres.ts')).postgresStore({ url }),
  )
}
