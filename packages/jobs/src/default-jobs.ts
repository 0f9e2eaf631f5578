import { acceptEmbedded, defaultInstance, processEnv, type DefaultInstance, type Env } from '@msc/core'
import { createJobs, type Jobs, type JobsOptions } from './create-jobs.ts'
import { inngestFromEnv } from './drivers/inngest-from-env.ts'
import { lazyEmbedded } from './drivers/lazy.ts'
import { postgresFromEnv } from './drivers/postgres-from-env.ts'
import { sqliteFromEnv } from './drivers/sqlite-from-env.ts'

/** What `createJobsFromEnv` takes: all of {@link JobsOptions} but the driver, which the environment names. */
export type JobsFromEnvOptions = Omit<JobsOptions, 'driver'>

export function createJobsFromEnv(options: JobsFromEnvOptions, env: Env = processEnv()): Jobs {
  const vendor = inngestFromEnv(env) ?? postgresFromEnv(env)
  if (vendor) return createJobs({ ...options, driver: vendor })
  const sqlite = sqliteFromEnv(env)
  acceptEmbedded(env, {
    scope: 'jobs',
    driver: sqlite ? 'sqlite' : 'memory',
    risk: sqlite ? 'runs jobs on this machine only' : 'loses every queued job when the process ends',
    variables: ['INNGEST_EVENT_KEY and INNGEST_SIGNING_KEY', 'or DATABASE_URL'],
  })
  return createJobs({ ...options, driver: sqlite ?? memory() })
}

const memory = () =>
  lazyEmbedded({ name: 'memory' }, ['observe'], async () => (await import('./stores/memory.ts')).memoryStore())

const instance: DefaultInstance<Jobs> = defaultInstance<Jobs>('@msc/jobs', () => createJobsFromEnv({ jobs: [] }))

export const getDefaultJobs: () => Jobs = instance.get
export const setDefaultJobs: (jobs: Jobs | undefined) => void = instance.set

export function configureJobs(options: JobsFromEnvOptions, env?: Env): Jobs {
  return instance.replace(createJobsFromEnv(options, env))
}
