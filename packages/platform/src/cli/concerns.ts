import { createAnalyticsFromEnv } from '@msc/analytics'
import { createCacheFromEnv } from '@msc/cache'
import { MscError, toError, type Env, type Service } from '@msc/core'
import { createCronFromEnv } from '@msc/cron'
import { createJobsFromEnv } from '@msc/jobs'
import { createMonitoringFromEnv } from '@msc/monitoring'
import { createRealtimeFromEnv } from '@msc/realtime'
import { createDatabaseFromEnv } from '../database/default-database.ts'
import { fine, type Finding } from './finding.ts'

interface Concern {
  /** Makes the service as the application would. */
  readonly create: (env: Env) => Service
  /** The package that contains its drivers. */
  readonly package: string
  /** Driver → its optional peer, for those that have one. */
  readonly peers?: Readonly<Record<string, string>>
}

/** In the order of the report. */
export const CONCERNS: Readonly<Record<string, Concern>> = {
  monitoring: {
    create: (env) => createMonitoringFromEnv({ telemetry: false, processEnd: false }, env),
    package: '@msc/monitoring',
  },
  cache: {
    create: (env) => createCacheFromEnv({}, env),
    package: '@msc/cache',
    peers: { redis: 'ioredis', upstash: '@upstash/redis' },
  },
  analytics: { create: (env) => createAnalyticsFromEnv({ processEnd: false }, env), package: '@msc/analytics' },
  jobs: {
    create: (env) => createJobsFromEnv({ jobs: [] }, env),
    package: '@msc/jobs',
    peers: { inngest: 'inngest', postgres: 'pg' },
  },
  realtime: {
    create: (env) => createRealtimeFromEnv({}, env),
    package: '@msc/realtime',
    peers: { supabase: '@supabase/supabase-js' },
  },
  cron: { create: (env) => createCronFromEnv({ crons: [] }, env), package: '@msc/cron' },
  database: {
    create: (env) => createDatabaseFromEnv({}, env),
    package: '@msc/platform',
    peers: { postgres: 'pg', supabase: 'pg' },
  },
}

/** Concern → its driver that only the application itself can reach. */
const INSIDE: Readonly<Record<string, string>> = { jobs: 'memory', realtime: 'embedded', database: 'pglite' }

const INSIDE_DETAIL = 'runs inside the application'

export const isInside = ({ detail }: Finding): boolean => detail === INSIDE_DETAIL

/** Returns the finding with the driver that the application runs of its own choice, where the environment names none. */
export function namedBy(inside: Readonly<Record<string, string>>, finding: Finding): Finding {
  const own = inside[finding.check]
  if (own === undefined || !isInside(finding)) return finding
  return { ...finding, subject: own, detail: `${INSIDE_DETAIL}, which chooses it` }
}

export interface MadeConcerns {
  /** The services to check, by concern. */
  readonly services: Readonly<Record<string, Service>>
  /**
   * Findings for concerns that could not be made, and for the embedded jobs, realtime server and database, which run inside
   * the application: its folder must not be opened by a second process.
   */
  readonly findings: readonly Finding[]
}

/** Makes every concern from the environment. Does no I/O. */
export function makeConcerns(env: Env): MadeConcerns {
  const services: Record<string, Service> = {}
  const findings: Finding[] = []
  for (const [concern, { create }] of Object.entries(CONCERNS)) {
    try {
      const service = create({ ...env, MSC_QUIET: '1' })
      if (INSIDE[concern] === service.driverName) {
        findings.push({ ...fine(concern, service.driverName), detail: INSIDE_DETAIL })
        void service.close()
      } else {
        services[concern] = service
      }
    } catch (error) {
      findings.push(failureOf(concern, error))
    }
  }
  return { services, findings }
}

/** Turns the error of a failed check into a finding. */
export function failureOf(check: string, error: unknown): Finding {
  const { message } = toError(error)
  const known = MscError.isInstance(error) ? error : undefined
  return {
    check,
    status: 'error',
    code: known?.code ?? 'FAILED',
    subject: '–',
    detail: message,
    ...(known?.hint !== undefined && { hint: known.hint }),
  }
}
