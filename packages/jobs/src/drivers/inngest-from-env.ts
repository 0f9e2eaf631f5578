import { processEnv, readEnv, readEnvGroup, type Env } from '@msc/core'
import type { JobsDriver } from '../driver.ts'
import { EVENT_API, VARIABLES, assertInngest } from './inngest-address.ts'
import { lazyJobsDriver } from './lazy.ts'

/**
 * The driver that INNGEST_EVENT_KEY, INNGEST_SIGNING_KEY and INNGEST_BASE_URL describe, or `undefined` without keys. Its
 * code is loaded with the first call.
 *
 * @throws ConfigError `CONFIG_HALF_SET` naming the key that is missing, `ADDRESS_INVALID`.
 */
export function inngestFromEnv(env: Env = processEnv()): JobsDriver | undefined {
  const found = readEnvGroup(env, 'jobs', ['INNGEST_EVENT_KEY', 'INNGEST_SIGNING_KEY'], ['INNGEST_BASE_URL'])
  if (!found) return undefined
  const baseUrl = readEnv(env, 'INNGEST_BASE_URL')
  const { INNGEST_EVENT_KEY: eventKey, INNGEST_SIGNING_KEY: signingKey } = found
  const options = { eventKey, signingKey, ...(baseUrl !== undefined && { baseUrl }) }
  assertInngest(options)
  const declared = {
    name: 'inngest',
    endpoint: baseUrl ?? EVENT_API,
    variables: VARIABLES,
    capabilities: { selfDriven: false },
  }
  return lazyJobsDriver(declared, ['handler', 'observe.runs'], async () =>
    (await import('./inngest.ts')).inngest(options),
  )
}
