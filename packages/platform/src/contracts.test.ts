import { createAnalytics } from '@msc/analytics'
import { local as localAnalytics } from '@msc/analytics/local'
import { posthog } from '@msc/analytics/posthog'
import { createCache } from '@msc/cache'
import { memory } from '@msc/cache/memory'
import { redis } from '@msc/cache/redis'
import { upstash } from '@msc/cache/upstash'
import { createCron } from '@msc/cron'
import { local as localCron } from '@msc/cron/local'
import { createJobs } from '@msc/jobs'
import { embedded as embeddedJobs } from '@msc/jobs/embedded'
import { inngest } from '@msc/jobs/inngest'
import { memoryStore } from '@msc/jobs/stores/memory'
import { createMonitoring } from '@msc/monitoring'
import { local as localMonitoring } from '@msc/monitoring/local'
import { sentry } from '@msc/monitoring/sentry'
import { createRealtime } from '@msc/realtime'
import { embedded as embeddedRealtime } from '@msc/realtime/embedded'
import { createRealtimeServer } from '@msc/realtime/server'
import { supabase } from '@msc/realtime/supabase'
import { createUseCacheHandler } from '@msc/cache/next'
import { ConfigError, createBreaker, createMemoryJournal, type Service } from '@msc/core'
import { describe, expect, it } from 'vitest'

import { createDatabase } from './database/create-database.ts'
import { pglite } from './database/drivers/pglite.ts'
import { postgres as postgresDatabase } from './database/drivers/postgres.ts'
import { supabase as supabaseDatabase } from './database/drivers/supabase.ts'

type Make = (driver: never) => Service

/** Each engine with a valid driver, a required method and an optional member. */
const engines: Readonly<Record<string, { make: Make; driver: () => object; needs: string; optional?: string }>> = {
  monitoring: {
    make: (driver) => createMonitoring({ driver, telemetry: false }),
    driver: localMonitoring,
    needs: 'send',
    optional: 'sendSync',
  },
  cache: { make: (driver) => createCache({ driver }), driver: memory, needs: 'increment', optional: 'coordination' },
  analytics: {
    make: (driver) => createAnalytics({ driver }),
    driver: localAnalytics,
    needs: 'send',
    optional: 'sendSync',
  },
  jobs: {
    make: (driver) => createJobs({ jobs: [], driver }),
    driver: () => embeddedJobs({ store: memoryStore() }),
    needs: 'bind',
    optional: 'observe',
  },
  realtime: {
    make: (driver) => createRealtime({ driver }),
    driver: () => embeddedRealtime({ url: 'http://127.0.0.1:1' }),
    needs: 'subscribe',
    optional: 'publish',
  },
  cron: { make: (driver) => createCron({ crons: [], driver }), driver: localCron, needs: 'authorize' },
  database: { make: (driver) => createDatabase({ driver }), driver: pglite, needs: 'transaction' },
}

describe.each(Object.entries(engines))('the engine of %s', (concern, { make, driver, needs, optional }) => {
  const like = (rest: object): never => ({ ...driver(), ...rest }) as never

  it('accepts a driver that keeps its contract', () => {
    expect(() => make(like({}))).not.toThrow()
  })
  it('says that there is no driver where there is none', () => {
    for (const none of [undefined, null]) {
      expect(() => make(none as never)).toThrow(
        expect.objectContaining({
          code: `${concern.toUpperCase()}_NO_DRIVER`,
          message: `[msc/${concern}] Pass \`driver\`.`,
        }),
      )
    }
  })
  it('rejects a driver of an unknown version, and names both versions', () => {
    for (const specificationVersion of [2, 0, '1', undefined]) {
      expect(() => make(like({ specificationVersion }))).toThrow(
        expect.objectContaining({
          code: 'DRIVER_VERSION',
          message: expect.stringMatching(
            new RegExp(`^\\[msc/${concern}\\] .*version 1 .*version ${String(specificationVersion)}\\.`),
          ),
        }),
      )
    }
  })
  it(`rejects a driver without ${needs}, and says so`, () => {
    expect(() => make(like({ [needs]: undefined }))).toThrow(
      expect.objectContaining({ code: 'DRIVER_INVALID', message: expect.stringContaining(`implement ${needs}`) }),
    )
  })
  it('rejects a driver without a name, health or close', () => {
    for (const member of ['name', 'health', 'close']) {
      expect(() => make(like({ [member]: undefined }))).toThrow(expect.objectContaining({ code: 'DRIVER_INVALID' }))
    }
  })
  if (optional !== undefined) {
    it('rejects an optional member of the wrong type', () => {
      expect(() => make(like({ [optional]: 'yes' }))).toThrow(expect.objectContaining({ code: 'DRIVER_INVALID' }))
    })
  }
  it('flushes, closes and reports health with invalid options too', async () => {
    for (const nothing of [null, { timeoutMs: null }, { timeoutMs: Number.NaN }] as never[]) {
      const engine = make(like({ health: async () => undefined, close: async () => undefined }))
      await engine.flush(nothing)
      expect(await engine.health(nothing)).toMatchObject({ concern })
      await engine.close(nothing)
    }
  })
  it('rejects a value that is not a driver', () => {
    for (const nothing of ['redis', {}]) {
      expect(() => make(nothing as never)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^DRIVER_/) }))
    }
  })
})

/** Every number that an application passes, with what is made of it. */
const numbers: readonly (readonly [string, readonly string[], (options: object) => unknown])[] = [
  [
    'monitoring',
    ['maxBreadcrumbs', 'maxQueue', 'maxQueueBytes', 'flushIntervalMs', 'timeoutMs'],
    (options) => createMonitoring({ driver: localMonitoring(), telemetry: false, ...options }),
  ],
  [
    'cache',
    ['timeoutMs', 'pollMs', 'leaseMs', 'lockWaitMs', 'compressAbove'],
    (options) => createCache({ driver: memory(), ...options }),
  ],
  [
    'the local tier',
    ['maxEntries', 'maxBytes', 'ttlMs'],
    (options) => createCache({ driver: memory(), local: options as never }),
  ],
  ['memory', ['maxEntries', 'maxBytes'], memory],
  ['the handler of use cache', ['maxBytes'], (options) => createUseCacheHandler({ cache: {} as never, ...options })],
  [
    'analytics',
    ['flushIntervalMs', 'batchSize', 'maxQueue', 'maxQueueBytes', 'timeoutMs', 'flagTimeoutMs'],
    (options) => createAnalytics({ driver: localAnalytics(), ...options }),
  ],
  [
    'jobs',
    ['timeoutMs'],
    (options) => createJobs({ jobs: [], driver: embeddedJobs({ store: memoryStore() }), ...options }),
  ],
  [
    'the embedded jobs',
    ['concurrency', 'leaseMs', 'pollMs'],
    (options) => embeddedJobs({ store: memoryStore(), ...options }),
  ],
  ['their memory', ['keep'], memoryStore],
  ['realtime', ['timeoutMs'], (options) => createRealtime({ driver: embeddedRealtime(), ...options })],
  ['its embedded driver', ['heartbeatMs'], embeddedRealtime],
  ['cron', ['claimTimeoutMs'], (options) => createCron({ crons: [], driver: localCron(), ...options })],
  ['the database', ['timeoutMs'], (options) => createDatabase({ driver: pglite(), ...options })],
  ['its server', ['maxConnections'], (options) => postgresDatabase({ url: 'postgres://127.0.0.1:1/app', ...options })],
  ['the journal', ['capacity'], createMemoryJournal],
  ['a breaker', ['threshold', 'cooldownMs'], (options) => createBreaker({ name: 'x', ...options })],
]

/** Of which the documentation says that there may be no limit. */
const UNLIMITED: readonly string[] = ['cache compressAbove', 'their memory keep']

describe.each(numbers)('the numbers of %s', (what, names, make) => {
  const wrong = (name: string): unknown[] => [
    Number.NaN,
    null,
    '5000',
    -1,
    {},
    ...(name.endsWith('Ms') ? [] : [1.5]),
    ...(UNLIMITED.includes(`${what} ${name}`) ? [] : [Infinity, 1e300]),
  ]
  it.each(names.flatMap((name) => wrong(name).map((value) => [name, value] as const)))(
    'refuse %s: %j when it is made',
    (name, value) => {
      expect(() => make({ [name]: value })).toThrow(
        expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(`${name}\``) }),
      )
    },
  )
})

it.each<[string, (options: never) => unknown]>([
  ['createMonitoring', createMonitoring],
  ['createCache', createCache],
  ['memory', memory],
  ['createAnalytics', createAnalytics],
  ['createJobs', createJobs],
  ['embedded jobs', embeddedJobs],
  ['memoryStore', memoryStore],
  ['createRealtimeServer', createRealtimeServer],
  ['createCron', createCron],
  ['createMemoryJournal', createMemoryJournal],
])('%s is made of nothing that is no object', (_name, make) => {
  for (const options of [null, 5, 'text']) {
    expect(() => make(options as never)).toThrow(ConfigError)
  }
})

it.each([{ completed: 'soon' }, { failed: null }, { completed: 1e300 }, { keep: 1.5 }, null, 'all'])(
  'refuses to keep jobs for %j when the driver is made',
  (retention) => {
    expect(() => embeddedJobs({ store: memoryStore(), retention: retention as never })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining('`retention') }),
    )
  },
)

/** Each vendor's driver, made with an address. */
const addressed: Readonly<Record<string, (address: string) => unknown>> = {
  posthog: (host) => posthog({ key: 'phc_key', host }),
  redis: (url) => redis({ url }),
  upstash: (url) => upstash({ url, token: 'token' }),
  inngest: (baseUrl) => inngest({ eventKey: 'key', signingKey: 'signkey-test-00', baseUrl }),
  sentry: (dsn) => sentry({ dsn }),
  supabase: (url) => supabase({ url, anonKey: 'key' }),
  'the database on postgres': (url) => postgresDatabase({ url }),
  'the database on supabase': (url) => supabaseDatabase({ url }),
}

describe.each(Object.entries(addressed))('the driver of %s', (_name, make) => {
  it.each(['hunter2-no-address', 'ftp://hunter2.example/1', 'http://', '"https://hunter2.example"'])(
    'rejects the address %s when it is made, and does not repeat it',
    (address) => {
      let refusal: unknown
      try {
        make(address)
      } catch (error) {
        refusal = error
      }
      expect(refusal).toMatchObject({ hint: expect.stringMatching(/[A-Z]+_[A-Z_]+/) })
      expect(refusal).toBeInstanceOf(ConfigError)
      expect(`${refusal}${(refusal as { hint?: string }).hint}`).not.toContain('hunter2')
    },
  )
})
