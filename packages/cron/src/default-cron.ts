import { acceptEmbedded, defaultInstance, processEnv, readEnv, type Env } from '@msc/core'
import { createCron, type Cron, type CronOptions } from './create-cron.ts'
import type { CronRun } from './cron-run.ts'
import { local } from './drivers/local.ts'
import { vercelFromEnv } from './drivers/vercel.ts'

// Both drivers are imported at once: either is smaller than what would load it late.

/** What {@link createCronFromEnv} takes: all of {@link CronOptions} but the driver, which the environment names. */
export type CronFromEnvOptions = Omit<CronOptions, 'driver'>

/**
 * On Vercel (`VERCEL=1`) its cron with CRON_SECRET, else timers in this process; CRON_SECRET then opens the route for
 * triggers by hand. `MSC_CRON_DRIVER` (`local`, `vercel`) decides against what the platform suggests.
 *
 * @throws ConfigError on Vercel without CRON_SECRET, for an unknown MSC_CRON_DRIVER, and in production with timers unless
 *   `MSC_ALLOW_EMBEDDED` is set.
 */
export function createCronFromEnv(options: CronFromEnvOptions, env: Env = processEnv()): Cron {
  const vendor = vercelFromEnv(env)
  if (vendor) return createCron({ ...options, driver: vendor })
  acceptEmbedded(env, {
    scope: 'cron',
    driver: 'local',
    risk: 'runs every job on every server, and none while the process is down',
    variables: ['MSC_CRON_DRIVER=vercel', 'CRON_SECRET'],
  })
  const secret = readEnv(env, 'CRON_SECRET')
  return createCron({ ...options, driver: local(secret === undefined ? {} : { secret }) })
}

const instance = defaultInstance<Cron>('@msc/cron', () => createCronFromEnv({ crons: [] }))

/**
 * The engine that the functions below act on; until `configureCron`, one without jobs, made from the environment.
 *
 * @throws ConfigError as {@link createCronFromEnv}.
 */
export const getDefaultCron: () => Cron = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultCron: (cron: Cron | undefined) => void = instance.set

/**
 * Makes the default engine from definitions and the environment, puts it in the place of the one before, and returns it. It
 * is not started yet. One that this function or the first call had made is closed in the background, which aborts what it
 * runs; one that was given to {@link setDefaultCron} stays its giver's to close.
 *
 * @throws ConfigError as {@link createCronFromEnv}; the one before stays then.
 */
export function configureCron(options: CronFromEnvOptions, env?: Env): Cron {
  return instance.replace(createCronFromEnv(options, env))
}

/** {@link Cron.handler} of the default engine. */
export const cronHandler = (request: Request, name: string): Promise<Response> =>
  getDefaultCron().handler(request, name)
/** {@link Cron.run} of the default engine. */
export const runCron = (name: string, at?: number): Promise<CronRun> => getDefaultCron().run(name, at)
