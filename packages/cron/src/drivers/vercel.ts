import { ConfigError, closedError, processEnv, readEnv, type Env } from '@msc/core'
import type { CronDriver } from '../driver.ts'
import { assertSecret, carriesSecret } from '../secret.ts'

export interface VercelOptions {
  /** The value of CRON_SECRET, which Vercel sends as a bearer token. */
  readonly secret: string
}

/**
 * The driver for Vercel Cron Jobs. Vercel calls the route by GET at the times in vercel.json, in UTC. It does not retry, and
 * it sometimes calls twice. Nothing runs in this process by itself.
 *
 * Source: https://vercel.com/docs/cron-jobs/manage-cron-jobs
 *
 * @throws ConfigError `CRON_SECRET_INVALID` when the secret is empty, has white space around it, which fails Vercel's build,
 *   or has a character that no request can carry.
 */
export function vercel(options: VercelOptions): CronDriver {
  const { secret } = options
  assertSecret('vercel', secret)
  let closed = false
  return {
    specificationVersion: 1,
    name: 'vercel',
    capabilities: { selfDriven: false },
    start() {
      // Vercel reads vercel.json at deployment; there is nothing to arm.
    },
    authorize: (request) => carriesSecret(request, secret),
    async health() {
      if (closed) throw closedError('vercel')
    },
    async close() {
      closed = true
    },
  }
}

/** Returns what MSC_CRON_DRIVER says, or else what the platform suggests. */
function driverFromEnv(env: Env): string {
  return readEnv(env, 'MSC_CRON_DRIVER') ?? (readEnv(env, 'VERCEL') ? 'vercel' : 'local')
}

/** Says whether Vercel runs the crons, so that vercel.json has to name them: the choice of {@link createCronFromEnv}. */
export function runsOnVercel(env: Env = processEnv()): boolean {
  return driverFromEnv(env) === 'vercel'
}

/**
 * Makes the driver from CRON_SECRET on Vercel (`VERCEL=1`, or `MSC_CRON_DRIVER=vercel`); returns `undefined` elsewhere.
 *
 * @throws ConfigError `CONFIG_HALF_SET` without CRON_SECRET, `CRON_SECRET_INVALID`, and `CRON_DRIVER_UNKNOWN` when
 *   MSC_CRON_DRIVER is neither `vercel` nor `local`.
 */
export function vercelFromEnv(env: Env = processEnv()): CronDriver | undefined {
  const chosen = readEnv(env, 'MSC_CRON_DRIVER')
  const driver = driverFromEnv(env)
  if (driver === 'local') return undefined
  if (driver !== 'vercel') {
    throw new ConfigError(`[msc/cron] MSC_CRON_DRIVER=${driver} is not a driver.`, {
      code: 'CRON_DRIVER_UNKNOWN',
      hint: 'Set MSC_CRON_DRIVER to `local` or `vercel`, or leave it out.',
    })
  }
  if (!readEnv(env, 'CRON_SECRET')) {
    throw new ConfigError(
      `[msc/cron] [vercel] ${chosen ? 'MSC_CRON_DRIVER' : 'VERCEL'} is set but CRON_SECRET is not.`,
      {
        code: 'CONFIG_HALF_SET',
        hint: 'Set CRON_SECRET: without it nobody, not even Vercel, may trigger a job.',
      },
    )
  }
  // Not trimmed: `vercel` refuses white space around the secret, because Vercel's build would fail.
  return vercel({ secret: env['CRON_SECRET'] as string })
}
