import { lazyDriver, processEnv, readEnv, type Env } from '@msc/core'
import type { MonitoringDriver } from '../driver.ts'
import { CAPABILITIES, VARIABLES } from './sentry/declared.ts'
import { parseDsn } from './sentry/dsn.ts'

/**
 * Returns the driver for NEXT_PUBLIC_SENTRY_DSN, or `undefined` without one. Its code is loaded with the first signal.
 *
 * @throws ConfigError `SENTRY_DSN_INVALID`.
 */
export function sentryFromEnv(env: Env = processEnv()): MonitoringDriver | undefined {
  const dsn = readEnv(env, 'NEXT_PUBLIC_SENTRY_DSN')
  if (dsn === undefined) return undefined
  const { endpoint } = parseDsn(dsn)
  const lazy = lazyDriver('sentry', async () => (await import('./sentry.ts')).sentry({ dsn }))
  return {
    specificationVersion: 1,
    name: 'sentry',
    endpoint,
    variables: VARIABLES,
    capabilities: CAPABILITIES,
    send: lazy.method('send'),
    health: lazy.health,
    close: lazy.close,
  }
}
