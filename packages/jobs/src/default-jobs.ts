import { ValidationError, acceptEmbedded, defaultInstance, processEnv, readEnv, type Env } from '@msc/core'
import { createJobs, type Jobs, type JobsOptions } from './create-jobs.ts'
import { embedded } from './drivers/embedded.ts'
import { inngestFromEnv } from './drivers/inngest.ts'
import { memoryStore } from './stores/memory.ts'
import { postgresStore } from './stores/postgres.ts'
import { sqliteStore } from './stores/sqlite.ts'
import { aiTasks, emailTypes, type AITask, type EmailType } from './task-types.ts'

/**
 * Inngest when INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY are set; else the embedded engine: on the Postgres that
 * DATABASE_URL names, else on the SQLite file that MSC_JOBS_SQLITE names, else in memory.
 *
 * @throws ConfigError when half set, or embedded in production without `MSC_ALLOW_EMBEDDED`.
 */
export function createJobsFromEnv(options: Omit<JobsOptions, 'driver'>, env: Env = processEnv()): Jobs {
  const vendor = inngestFromEnv(env)
  if (vendor) return createJobs({ ...options, driver: vendor })
  const url = readEnv(env, 'DATABASE_URL')
  if (url) return createJobs({ ...options, driver: embedded({ store: postgresStore({ url }) }) })
  const path = readEnv(env, 'MSC_JOBS_SQLITE')
  acceptEmbedded(env, {
    scope: 'jobs',
    driver: path ? 'sqlite' : 'memory',
    risk: path ? 'runs jobs on this machine only' : 'loses every queued job when the process ends',
    variables: ['INNGEST_EVENT_KEY', 'INNGEST_SIGNING_KEY', 'or DATABASE_URL'],
  })
  return createJobs({ ...options, driver: embedded({ store: path ? sqliteStore({ path }) : memoryStore() }) })
}

const instance = defaultInstance<Jobs>('@msc/jobs', () => createJobsFromEnv({ jobs: [] }))

/** The engine that the functions below act on; until `configureJobs`, one without jobs. */
export const getDefaultJobs: () => Jobs = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultJobs: (jobs: Jobs | undefined) => void = instance.set

/** Makes the default engine from definitions and the environment, and returns it. It is not started yet. */
export function configureJobs(options: Omit<JobsOptions, 'driver'>, env?: Env): Jobs {
  const jobs = createJobsFromEnv(options, env)
  setDefaultJobs(jobs)
  return jobs
}

export type Sent = Promise<{ ids: string[] }>

/** {@link Jobs.send} on the default engine. */
export function sendEvent(name: string, data: unknown, options?: { readonly id?: string }): Sent {
  return getDefaultJobs().send(name, data, options)
}

/** Sends `ai/process`. @throws ValidationError for a task that is none of {@link aiTasks}. */
export async function triggerAIJob(userId: string, taskType: AITask, payload: unknown): Sent {
  oneOf('AI task', taskType, aiTasks)
  return sendEvent('ai/process', { userId, taskType, payload })
}
/** Sends `email/send`. @throws ValidationError for a type that is none of {@link emailTypes}. */
export async function triggerEmailJob(userId: string, type: EmailType, data: unknown): Sent {
  oneOf('email type', type, emailTypes)
  return sendEvent('email/send', { userId, type, data })
}
/** Sends `analytics/aggregate`. */
export function triggerAnalyticsJob(userId: string, period: string): Sent {
  return sendEvent('analytics/aggregate', { userId, period })
}
/** Sends `release/distribute`. */
export function triggerDistributionJob(releaseId: string, platforms: readonly string[]): Sent {
  return sendEvent('release/distribute', { releaseId, platforms })
}
/** Sends `payment/process`. */
export function triggerPaymentJob(userId: string, paymentId: string, amount: number): Sent {
  return sendEvent('payment/process', { userId, paymentId, amount })
}
/** Sends `subscription/renew`. */
export function triggerRenewalJob(userId: string, subscriptionId: string): Sent {
  return sendEvent('subscription/renew', { userId, subscriptionId })
}

function oneOf(what: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return
  throw new ValidationError(`[msc/jobs] ${JSON.stringify(value)} is not a known ${what}.`, [], {
    code: 'JOB_ARGUMENT_INVALID',
    hint: `Use one of ${known.join(', ')}.`,
  })
}
