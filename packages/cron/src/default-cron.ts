import { acceptEmbedded, defaultInstance, processEnv, readEnv, reportFailure, type Env } from '@msc/core'
import { problem } from '@msc/core/http-request'
import { createCron, type Cron, type CronOptions } from './create-cron.ts'
import type { CronRun } from './run/cron-run.ts'
import { local } from './drivers/local.ts'
import { vercelFromEnv } from './drivers/vercel.ts'

// Both drivers are imported statically: each is smaller than the code that would load it lazily.

/** The options of {@link createCronFromEnv}: {@link CronOptions} without the driver, which the environment names. */
export type CronFromEnvOptions = Omit<CronOptions, 'driver'>

/**
 * Makes an engine on Vercel Cron (with `VERCEL=1` and CRON_SECRET), or else on timers in this process, where CRON_SECRET
 * opens the route for triggers by hand. `MSC_CRON_DRIVER` (`local`, `vercel`) overrides what the platform suggests.
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
    variables: ['MSC_CRON_DRIVER=vercel and CRON_SECRET'],
  })
  const secret = readEnv(env, 'CRON_SECRET')
  return createCron({ ...options, driver: local(secret === undefined ? {} : { secret }) })
}

const instance = defaultInstance<Cron>('@msc/cron', () => createCronFromEnv({ crons: [] }))

/**
 * The engine that the functions below act on. Until `configureCron` is called, it is made from the environment and has no
 * jobs.
 *
 * @throws ConfigError as {@link createCronFromEnv}.
 */
export const getDefaultCron: () => Cron = instance.get
/** Replaces the default engine. The caller closes the old one. */
export const setDefaultCron: (cron: Cron | undefined) => void = instance.set

/**
 * Makes an engine from definitions and the environment, replaces the default engine with it, and returns it. It is not
 * started yet. A previous engine that this function or the first call made is closed in the background, which aborts its
 * runs; one that was passed to {@link setDefaultCron} is left for the caller to close.
 *
 * @throws ConfigError as {@link createCronFromEnv}; the previous engine stays in place then.
 */
export function configureCron(options: CronFromEnvOptions, env?: Env): Cron {
  return instance.replace(createCronFromEnv(options, env))
}

/**
 * {@link Cron.handler} of the default engine. Never rejects either: a configuration that is refused is reported, and
 * answered with 500.
 */
export async function cronHandler(request: Request, name: string): Promise<Response> {
  let cron: Cron
  try {
    cron = getDefaultCron()
  } catch (error) {
    reportFailure(error, { concern: 'cron', operation: 'configure', job: name })
    return problem({ status: 500, title: 'The scheduled jobs are not configured', code: 'NOT_CONFIGURED' })
  }
  return cron.handler(request, name)
}
/** {@link Cron.run} of the default engine. */
export const runCron = (name: string, at?: number): Promise<CronRun> => getDefaultCron().run(name, at)
