import { processEnv, readEnv, type Env } from '@msc/core'
import type { JobsDriver } from '../driver.ts'
import { lazyEmbedded } from './lazy.ts'

/**
 * The embedded engine on the SQLite file that MSC_JOBS_SQLITE names, or `undefined` without it. Its code is loaded with
 * the first call.
 */
export function sqliteFromEnv(env: Env = processEnv()): JobsDriver | undefined {
  const path = readEnv(env, 'MSC_JOBS_SQLITE')
  if (path === undefined) return undefined
  return lazyEmbedded({ name: 'sqlite' }, ['observe'], async () =>
    (await import('../stores/sqlite.ts')).sqliteStore({ path }),
  )
}
