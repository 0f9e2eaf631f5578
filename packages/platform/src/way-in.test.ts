import * as analytics from '@msc/analytics'
import type { Analytics, AnalyticsFromEnvOptions } from '@msc/analytics'
import { posthog, posthogFlags, posthogFromEnv } from '@msc/analytics/posthog'
import * as cache from '@msc/cache'
import type { Cache, CacheFromEnvOptions } from '@msc/cache'
import { redis, redisFromEnv } from '@msc/cache/redis'
import { upstash, upstashFromEnv } from '@msc/cache/upstash'
import { ConfigError, type Env, type Service } from '@msc/core'
import * as cron from '@msc/cron'
import type { Cron, CronFromEnvOptions } from '@msc/cron'
import { vercelFromEnv } from '@msc/cron/vercel'
import * as jobs from '@msc/jobs'
import type { Jobs, JobsFromEnvOptions } from '@msc/jobs'
import { embedded } from '@msc/jobs/embedded'
import { inngest, inngestFromEnv } from '@msc/jobs/inngest'
import { postgresFromEnv, postgresStore } from '@msc/jobs/stores/postgres'
import { sqliteFromEnv, sqliteStore } from '@msc/jobs/stores/sqlite'
import * as monitoring from '@msc/monitoring'
import type { Monitoring, MonitoringFromEnvOptions } from '@msc/monitoring'
import { sentry, sentryFromEnv } from '@msc/monitoring/sentry'
import * as realtime from '@msc/realtime'
import type { Realtime, RealtimeFromEnvOptions } from '@msc/realtime'
import { supabaseFromEnv } from '@msc/realtime/supabase'
import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import type { DatabaseOptions } from './database/create-database.ts'
import type { Database } from './database/database.ts'
import type { DatabaseFromEnvOptions } from './database/default-database.ts'
import {
  pgliteFromEnv,
  postgresFromEnv as postgresDatabaseFromEnv,
  supabaseFromEnv as supabaseDatabaseFromEnv,
} from './database/drivers/from-env.ts'
import { pglite } from './database/drivers/pglite.ts'
import { postgres as postgresDatabase } from './database/drivers/postgres.ts'
import { supabase as supabaseDatabase } from './database/drivers/supabase.ts'
import * as platform from './index.ts'

/** The exports that all services have, under the concern's name. */
interface WayIn {
  create(options: object, env: Env): Service
  configure(options: object, env: Env): Service
  getDefault(): Service
  setDefault(service: Service | undefined): void
}

function wayIn(package_: object, name: string): WayIn {
  const exported = package_ as Readonly<Record<string, unknown>>
  const named = (each: string): never => {
    expect(exported[each], `${each} of @msc/${name.toLowerCase()}`).toBeTypeOf('function')
    return exported[each] as never
  }
  named(`create${name}`)
  return {
    create: named(`create${name}FromEnv`),
    configure: named(`configure${name}`),
    getDefault: named(`getDefault${name}`),
    setDefault: named(`setDefault${name}`),
  }
}

const quiet = { MSC_QUIET: '1', NODE_ENV: 'test' }
const upstashEnv = { UPSTASH_REDIS_REST_URL: 'https://a.upstash.io', UPSTASH_REDIS_REST_TOKEN: 'token' }
const inngestEnv = { INNGEST_EVENT_KEY: 'key', INNGEST_SIGNING_KEY: 'signkey-test-00' }
const supabaseEnv = { NEXT_PUBLIC_SUPABASE_URL: 'https://p.supabase.co', NEXT_PUBLIC_SUPABASE_ANON_KEY: 'key' }
const dsn = 'https://key@sentry.example/1'
const databaseUrl = 'postgres://u:p@127.0.0.1:1/app'

interface Row {
  readonly package: object
  readonly name: string
  readonly options: object
  /** The variables that choose each backend, by the driver's name. */
  readonly chosen: Readonly<Record<string, Env>>
  /** Configurations that are refused when the engine is made, with the error's code. */
  readonly refused: readonly (readonly [code: string, env: Env])[]
}

const rows: readonly Row[] = [
  {
    package: monitoring,
    name: 'Monitoring',
    options: { telemetry: false },
    chosen: { local: {}, sentry: { NEXT_PUBLIC_SENTRY_DSN: dsn } },
    refused: [['SENTRY_DSN_INVALID', { NEXT_PUBLIC_SENTRY_DSN: 'hunter2' }]],
  },
  {
    package: cache,
    name: 'Cache',
    options: { namespace: 'shop' },
    chosen: { memory: {}, redis: { REDIS_URL: 'redis://127.0.0.1:1' }, upstash: upstashEnv },
    refused: [
      ['CONFIG_HALF_SET', { UPSTASH_REDIS_REST_URL: 'https://a.upstash.io' }],
      ['ADDRESS_INVALID', { ...upstashEnv, UPSTASH_REDIS_REST_URL: 'hunter2' }],
      ['UPSTASH_TOKEN_INVALID', { ...upstashEnv, UPSTASH_REDIS_REST_TOKEN: 'hunter2 hunter2' }],
      ['REDIS_URL_INVALID', { REDIS_URL: 'hunter2' }],
      ['REDIS_URL_INVALID', { REDIS_URL: 'redis://app:47/hunter2@db:6379' }],
      ['REDIS_URL_INVALID', { REDIS_URL: "'redis://:hunter2@db:6379'" }],
      ['UPSTASH_TOKEN_INVALID', { ...upstashEnv, UPSTASH_REDIS_REST_TOKEN: '"hunter2"' }],
      ['REDIS_URL_INVALID', { REDIS_URL: 'redis://' }],
    ],
  },
  {
    package: analytics,
    name: 'Analytics',
    options: { flags: { beta: {} } },
    chosen: { local: {}, posthog: { NEXT_PUBLIC_POSTHOG_KEY: 'phc_key' } },
    refused: [
      ['CONFIG_HALF_SET', { NEXT_PUBLIC_POSTHOG_HOST: 'https://eu.i.posthog.com' }],
      ['POSTHOG_KEY_INVALID', { NEXT_PUBLIC_POSTHOG_KEY: 'phx_hunter2' }],
      ['POSTHOG_HOST_INVALID', { NEXT_PUBLIC_POSTHOG_KEY: 'phc_key', NEXT_PUBLIC_POSTHOG_HOST: 'hunter2' }],
    ],
  },
  {
    package: jobs,
    name: 'Jobs',
    options: { jobs: [] },
    chosen: {
      memory: {},
      sqlite: { MSC_JOBS_SQLITE: '/nowhere/jobs.sqlite' },
      postgres: { DATABASE_URL: 'postgres://127.0.0.1:1/app' },
      inngest: inngestEnv,
    },
    refused: [
      ['CONFIG_HALF_SET', { INNGEST_EVENT_KEY: 'key' }],
      ['CONFIG_HALF_SET', { INNGEST_BASE_URL: 'http://127.0.0.1:8288' }],
      ['ADDRESS_INVALID', { ...inngestEnv, INNGEST_BASE_URL: 'hunter2' }],
      ['DATABASE_URL_INVALID', { DATABASE_URL: 'hunter2' }],
      ['DATABASE_URL_INVALID', { DATABASE_URL: 'postgres://app:47/hunter2@db:5432/m' }],
      ['DATABASE_URL_INVALID', { DATABASE_URL: 'postgres://app:47?hunter2@db:5432/m' }],
      ['DATABASE_URL_INVALID', { DATABASE_URL: 'postgres://app:47#hunter2@db:5432/m' }],
      ['DATABASE_URL_INVALID', { DATABASE_URL: '"postgres://app:hunter2@db:5432/m"' }],
      ['INNGEST_KEY_INVALID', { ...inngestEnv, INNGEST_EVENT_KEY: '"hunter2"' }],
      ['INNGEST_KEY_INVALID', { ...inngestEnv, INNGEST_SIGNING_KEY: 'hunter2 2' }],
    ],
  },
  {
    package: realtime,
    name: 'Realtime',
    options: {},
    chosen: { embedded: {}, supabase: supabaseEnv },
    refused: [
      ['SUPABASE_KEY_INVALID', { ...supabaseEnv, NEXT_PUBLIC_SUPABASE_ANON_KEY: 'a b' }],
      ['SUPABASE_KEY_INVALID', { ...supabaseEnv, NEXT_PUBLIC_SUPABASE_ANON_KEY: '"key"' }],
      ['SUPABASE_KEY_INVALID', { ...supabaseEnv, SUPABASE_SERVICE_ROLE_KEY: 'a\nb' }],
      ['CONFIG_HALF_SET', { NEXT_PUBLIC_SUPABASE_URL: 'https://p.supabase.co' }],
      ['CONFIG_HALF_SET', { SUPABASE_SERVICE_ROLE_KEY: 'key' }],
      ['ADDRESS_INVALID', { ...supabaseEnv, NEXT_PUBLIC_SUPABASE_URL: 'hunter2' }],
    ],
  },
  {
    package: cron,
    name: 'Cron',
    options: { crons: [] },
    chosen: { local: {}, vercel: { VERCEL: '1', CRON_SECRET: 'a-secret-of-some-length' } },
    refused: [
      ['CONFIG_HALF_SET', { VERCEL: '1' }],
      ['CRON_SECRET_INVALID', { VERCEL: '1', CRON_SECRET: 'hunter2\n' }],
      ['CRON_SECRET_INVALID', { VERCEL: '1', CRON_SECRET: 'hunter2-hunter2-☃' }],
      ['CRON_DRIVER_UNKNOWN', { MSC_CRON_DRIVER: 'quartz' }],
    ],
  },
  {
    package: platform,
    name: 'Database',
    options: {},
    chosen: {
      pglite: {},
      postgres: { DATABASE_URL: databaseUrl },
      supabase: { SUPABASE_DB_URL: databaseUrl, DATABASE_URL: 'postgres://127.0.0.1:1/other' },
    },
    refused: [
      ['DATABASE_URL_INVALID', { DATABASE_URL: 'hunter2' }],
      ['DATABASE_URL_INVALID', { SUPABASE_DB_URL: 'https://hunter2.supabase.co' }],
      ['DATABASE_URL_INVALID', { SUPABASE_DB_URL: 'postgres://app:47/hunter2@db:5432/m' }],
      ['CONFIG_HALF_SET', { SUPABASE_DB_URL: 'postgres://postgres.hunter2:[YOUR-PASSWORD]@pooler:5432/postgres' }],
    ],
  },
]

describe.each(rows)('the way into @msc, for $name', ({ package: package_, name, options, chosen, refused }) => {
  const concern = name.toLowerCase()
  const { create, configure, getDefault, setDefault } = wayIn(package_, name)
  const made: Service[] = []
  const kept = (service: Service): Service => {
    made.push(service)
    return service
  }
  afterEach(async () => {
    setDefault(undefined)
    await Promise.all(made.splice(0).map((service) => service.close()))
  })

  it.each(Object.entries(chosen))('takes options first, then an environment that chooses %s', (driver, env) => {
    for (const way of [create, configure]) {
      const service = kept(way(options, { ...quiet, ...env }))
      expect([service.concern, service.driverName]).toEqual([concern, driver])
    }
  })

  it.each([
    ...refused,
    ['EMBEDDED_IN_PRODUCTION', { NODE_ENV: 'production' }] as const,
    // As `set NODE_ENV=production && node …` and files with CRLF leave it.
    ['EMBEDDED_IN_PRODUCTION', { NODE_ENV: 'production ' }] as const,
    ['EMBEDDED_IN_PRODUCTION', { NODE_ENV: 'production\r' }] as const,
  ])('rejects %s when the engine is made, with a hint and without the value', (code, env) => {
    const before = kept(configure(options, quiet))
    for (const way of [create, configure]) {
      let refusal: unknown
      try {
        way(options, { MSC_QUIET: '1', ...env })
      } catch (error) {
        refusal = error
      }
      expect(refusal).toBeInstanceOf(ConfigError)
      expect(refusal).toMatchObject({ code, retryable: false, hint: expect.stringMatching(/\w/) })
      expect(`${refusal} ${(refusal as ConfigError).hint}`).not.toContain('hunter2')
    }
    // The previous engine stays in place.
    expect(getDefault()).toBe(before)
  })

  it('replaces the default with each configured engine', () => {
    const first = kept(configure(options, quiet))
    expect(getDefault()).toBe(first)
    const second = kept(configure(options, quiet))
    expect(second).not.toBe(first)
    expect(getDefault()).toBe(second)
  })

  it('closes a replaced engine that the package made, and leaves one that was passed in', () => {
    const configured = kept(configure(options, quiet))
    const closing = vi.spyOn(configured, 'close')
    configure(options, quiet)
    expect(closing).toHaveBeenCalledTimes(1)

    const given = kept(create(options, quiet))
    const closingGiven = vi.spyOn(given, 'close')
    kept(getDefault())
    setDefault(given)
    expect(getDefault()).toBe(given)
    kept(configure(options, quiet))
    expect(closingGiven).not.toHaveBeenCalled()
  })

  it('closes a replaced engine that the first call made', () => {
    vi.stubEnv('NODE_ENV', 'test')
    const byFirstCall = kept(getDefault())
    const closing = vi.spyOn(byFirstCall, 'close')
    kept(configure(options, quiet))
    expect(closing).toHaveBeenCalledTimes(1)
    vi.unstubAllEnvs()
  })
})

it('has one type for the options of each function', () => {
  // A parameter with a default also accepts `undefined`.
  type Optional<Options> = [options?: Options | undefined, env?: Env | undefined]
  type Needed<Options> = [options: Options, env?: Env | undefined]
  expectTypeOf<Parameters<typeof monitoring.createMonitoringFromEnv>>().toEqualTypeOf<
    Optional<MonitoringFromEnvOptions>
  >()
  expectTypeOf<Parameters<typeof cache.createCacheFromEnv>>().toEqualTypeOf<Optional<CacheFromEnvOptions>>()
  expectTypeOf<Parameters<typeof analytics.createAnalyticsFromEnv>>().toEqualTypeOf<Optional<AnalyticsFromEnvOptions>>()
  expectTypeOf<Parameters<typeof realtime.createRealtimeFromEnv>>().toEqualTypeOf<Optional<RealtimeFromEnvOptions>>()
  expectTypeOf<Parameters<typeof jobs.createJobsFromEnv>>().toEqualTypeOf<Needed<JobsFromEnvOptions>>()
  expectTypeOf<Parameters<typeof cron.createCronFromEnv>>().toEqualTypeOf<Needed<CronFromEnvOptions>>()

  expectTypeOf<Parameters<typeof platform.createDatabaseFromEnv>>().toEqualTypeOf<Optional<DatabaseFromEnvOptions>>()
  expectTypeOf(platform.configureDatabase).toEqualTypeOf<(...args: Optional<DatabaseFromEnvOptions>) => Database>()
  expectTypeOf<Parameters<typeof platform.createDatabase>>().toEqualTypeOf<[options: DatabaseOptions]>()

  expectTypeOf(monitoring.configureMonitoring).toEqualTypeOf<
    (...args: Optional<MonitoringFromEnvOptions>) => Monitoring
  >()
  expectTypeOf(cache.configureCache).toEqualTypeOf<(...args: Optional<CacheFromEnvOptions>) => Cache>()
  expectTypeOf(analytics.configureAnalytics).toEqualTypeOf<(...args: Optional<AnalyticsFromEnvOptions>) => Analytics>()
  expectTypeOf(realtime.configureRealtime).toEqualTypeOf<(...args: Optional<RealtimeFromEnvOptions>) => Realtime>()
  expectTypeOf(jobs.configureJobs).toEqualTypeOf<(...args: Needed<JobsFromEnvOptions>) => Jobs>()
  expectTypeOf(cron.configureCron).toEqualTypeOf<(...args: Needed<CronFromEnvOptions>) => Cron>()

  expectTypeOf<Parameters<typeof monitoring.createMonitoring>>().toEqualTypeOf<
    [options: monitoring.MonitoringOptions]
  >()
  expectTypeOf<Parameters<typeof cache.createCache>>().toEqualTypeOf<[options: cache.CacheOptions]>()
  expectTypeOf<Parameters<typeof analytics.createAnalytics>>().toEqualTypeOf<[options: analytics.AnalyticsOptions]>()
  expectTypeOf<Parameters<typeof jobs.createJobs>>().toEqualTypeOf<[options: jobs.JobsOptions]>()
  expectTypeOf<Parameters<typeof realtime.createRealtime>>().toEqualTypeOf<[options: realtime.RealtimeOptions]>()
  expectTypeOf<Parameters<typeof cron.createCron>>().toEqualTypeOf<[options: cron.CronOptions]>()
})

it.each([
  ['sentry', sentryFromEnv],
  ['upstash', upstashFromEnv],
  ['redis', redisFromEnv],
  ['posthog', posthogFromEnv],
  ['inngest', inngestFromEnv],
  ['postgres', postgresFromEnv],
  ['sqlite', sqliteFromEnv],
  ['supabase', supabaseFromEnv],
  ['vercel', vercelFromEnv],
  ['the database on postgres', postgresDatabaseFromEnv],
  ['the database on supabase', supabaseDatabaseFromEnv],
])('%s returns nothing when none of its variables is set', (_name, fromEnv) => {
  expect(fromEnv({ PATH: '/bin' })).toBeUndefined()
})

/** The parts of a driver that an engine reads before it calls it: its data, and which methods it has. */
function declaration(driver: object): unknown {
  return Object.fromEntries(
    Object.entries(driver)
      .map(([name, value]): [string, unknown] => {
        if (typeof value === 'function') return [name, 'a method']
        const isPart = name === 'coordination' || name === 'observe'
        return [name, isPart ? declaration(value as object) : value]
      })
      // A lazy driver may declare a `listen` that does nothing, where the real one has none.
      .filter(([name]) => name !== 'listen'),
  )
}

const posthogEnv = { NEXT_PUBLIC_POSTHOG_KEY: 'phc_key', NEXT_PUBLIC_POSTHOG_HOST: 'https://eu.i.posthog.com/x/' }
const posthogOptions = { key: 'phc_key', host: 'https://eu.i.posthog.com/x/' }
it.each([
  ['sentry', () => sentryFromEnv({ NEXT_PUBLIC_SENTRY_DSN: dsn }), () => sentry({ dsn })],
  ['upstash', () => upstashFromEnv(upstashEnv), () => upstash({ url: 'https://a.upstash.io', token: 'token' })],
  [
    'redis',
    () => redisFromEnv({ REDIS_URL: 'redis://u:p@127.0.0.1:1/2' }),
    () => redis({ url: 'redis://u:p@127.0.0.1:1/2' }),
  ],
  ['posthog', () => posthogFromEnv(posthogEnv)?.driver, () => posthog(posthogOptions)],
  ['posthog’s flags', () => posthogFromEnv(posthogEnv)?.flags, () => posthogFlags(posthogOptions)],
  ['inngest', () => inngestFromEnv(inngestEnv), () => inngest({ eventKey: 'key', signingKey: 'signkey-test-00' })],
  [
    'postgres',
    () => postgresFromEnv({ DATABASE_URL: 'postgres://u:p@127.0.0.1:1/app' }),
    () => embedded({ store: postgresStore({ url: 'postgres://u:p@127.0.0.1:1/app' }) }),
  ],
  [
    'sqlite',
    () => sqliteFromEnv({ MSC_JOBS_SQLITE: '/nowhere/jobs.sqlite' }),
    () => embedded({ store: sqliteStore({ path: '/nowhere/jobs.sqlite' }) }),
  ],
  [
    'the database on postgres',
    () => postgresDatabaseFromEnv({ DATABASE_URL: databaseUrl }),
    () => postgresDatabase({ url: databaseUrl }),
  ],
  [
    'the database on supabase',
    () => supabaseDatabaseFromEnv({ SUPABASE_DB_URL: databaseUrl }),
    () => supabaseDatabase({ url: databaseUrl }),
  ],
  ['the database on pglite', () => pgliteFromEnv(quiet, undefined), () => pglite()],
])('declares for %s before its code is loaded what it has afterwards', async (_name, late, real) => {
  const driver = real()
  expect(declaration(late() as object)).toEqual(declaration(driver))
  await driver.close()
})
