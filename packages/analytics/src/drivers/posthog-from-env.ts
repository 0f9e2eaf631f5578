import { ConfigError, lazyDriver, processEnv, readEnv, type Env } from '@msc/core'
import type { AnalyticsDriver, FlagSource } from '../driver.ts'
import { readAddress, VARIABLES } from './posthog/address.ts'
import { CAPABILITIES } from './posthog/capabilities.ts'

/**
 * Makes the driver and flag source that NEXT_PUBLIC_POSTHOG_KEY (and NEXT_PUBLIC_POSTHOG_HOST) describe; `undefined`
 * without a key. Their code loads with the first event or flag.
 *
 * @throws ConfigError `CONFIG_HALF_SET` for a host without a key, `POSTHOG_KEY_INVALID`, `POSTHOG_HOST_INVALID`.
 */
export function posthogFromEnv(
  env: Env = processEnv(),
): { readonly driver: AnalyticsDriver; readonly flags: FlagSource } | undefined {
  const key = readEnv(env, 'NEXT_PUBLIC_POSTHOG_KEY')
  const host = readEnv(env, 'NEXT_PUBLIC_POSTHOG_HOST')
  if (!key && host) {
    throw new ConfigError('[msc/analytics] NEXT_PUBLIC_POSTHOG_HOST is set but NEXT_PUBLIC_POSTHOG_KEY is not.', {
      code: 'CONFIG_HALF_SET',
      hint: 'Set NEXT_PUBLIC_POSTHOG_KEY too, or remove the host.',
    })
  }
  if (!key) return undefined
  const options = { key, ...(host && { host }) }
  const { endpoint } = readAddress(options)
  const declared = { specificationVersion: 1, name: 'posthog', endpoint, variables: VARIABLES } as const
  const sink = lazyDriver('posthog', async () => (await import('./posthog.ts')).posthog(options))
  const flags = lazyDriver('posthog', async () => (await import('./posthog.ts')).posthogFlags(options))
  return {
    driver: {
      ...declared,
      capabilities: CAPABILITIES,
      send: sink.method('send'),
      health: sink.health,
      close: sink.close,
    },
    flags: { ...declared, evaluate: flags.method('evaluate'), health: flags.health, close: flags.close },
  }
}
