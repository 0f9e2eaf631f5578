import { ConfigError, DriverError } from '@msc/core'
import type { CronDriver } from '../driver.ts'
import { carriesSecret } from '../secret.ts'

export interface VercelOptions {
  /** CRON_SECRET: Vercel sends it as a bearer token. */
  readonly secret: string
}

/**
 * Vercel Cron Jobs: Vercel calls the route by GET, at the times that vercel.json names, in UTC, with no retry and now
 * and then twice. Nothing runs here by itself.
 *
 * Source: https://vercel.com/docs/cron-jobs/manage-cron-jobs
 *
 * @throws ConfigError when the secret is empty, or has white space around it, which fails Vercel's build.
 */
export function vercel(options: VercelOptions): CronDriver {
  const { secret } = options
  if (!secret || secret !== secret.trim()) {
    throw new ConfigError('[msc/cron] [vercel] CRON_SECRET is empty or begins or ends in white space.', {
      code: 'CRON_SECRET_INVALID',
      hint: 'Set CRON_SECRET to at least 16 random characters, without a line break at the end.',
    })
  }
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
      if (closed) throw new DriverError('vercel', 'The driver is closed.', { code: 'DRIVER_CLOSED' })
    },
    async close() {
      closed = true
    },
  }
}
