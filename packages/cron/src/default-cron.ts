import { acceptEmbedded, ConfigError, defaultInstance, processEnv, readEnv, type Env } from '@msc/core'
import { createCron, type Cron, type CronEngineOptions, type CronRun } from './create-cron.ts'
import { local } from './drivers/local.ts'
import { vercel } from './drivers/vercel.ts'

/**
 * On Vercel (`VERCEL=1`) its cron with CRON_SECRET, else timers in this process; CRON_SECRET then opens the route for
 * triggers by hand. `MSC_CRON_DRIVER` (`local`, `vercel`) decides against what the platform suggests.
 *
 * @throws ConfigError `CRON_DRIVER_UNKNOWN` for another `MSC_CRON_DRIVER`, and on Vercel without CRON_SECRET, and in production with timers unless `MSC_ALLOW_EMBEDDED` is set.
 */
export function createCronFromEnv(options: Omit<CronEngineOptions, 'driver'>, env: Env = processEnv()): Cron {
  const secret = readEnv(env, 'CRON_SECRET')
  const choice = readEnv(env, 'MSC_CRON_DRIVER') ?? (readEnv(env, 'VERCEL') ? 'vercel' : 'local')
  if (choice === 'vercel') {
    if (!secret) {
      throw new ConfigError('[msc/cron] [vercel] VERCEL is set but CRON_SECRET is not.', {
        code: 'CONFIG_HALF_SET',
        hint: 'Set CRON_SECRET: without it nobody, Vercel included, may trigger a job.',
      })
    }
    return createCron({ ...options, driver: vercel({ secret: env['CRON_SECRET'] as string }) })
  }
  if (choice !== 'local') {
    throw new ConfigError(`[msc/cron] MSC_CRON_DRIVER=${choice} is not a driver.`, {
      code: 'CRON_DRIVER_UNKNOWN',
      hint: 'Set MSC_CRON_DRIVER to `local` or `vercel`, or remove it.',
    })
  }
  acceptEmbedded(env, {
    scope: 'cron',
    driver: 'local',
    risk: 'runs every job on every server, and none while the process is down',
    variables: ['MSC_CRON_DRIVER=vercel', 'CRON_SECRET'],
  })
  return createCron({ ...options, driver: local(secret === undefined ? {} : { secret }) })
}

const instance = defaultInstance<Cron>('@msc/cron', () => createCronFromEnv({ crons: [] }))

/** The engine that the functions below act on; until `configureCron`, one without jobs. */
export const getDefaultCron: () => Cron = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultCron: (cron: Cron | undefined) => void = instance.set

/** Makes the default engine from definitions and the environment, and returns it. It is not started yet. */
export function configureCron(options: Omit<CronEngineOptions, 'driver'>, env?: Env): Cron {
  const cron = createCronFromEnv(options, env)
  setDefaultCron(cron)
  return cron
}

/** {@link Cron.handler} of the default engine. */
export const cronHandler = (request: Request, name: string): Promise<Response> =>
  getDefaultCron().handler(request, name)
/** {@link Cron.run} of the default engine. */
export const runCron = (name: string, at?: number): Promise<CronRun> => getDefaultCron().run(name, at)
