import { acceptEmbedded, defaultInstance, processEnv, readEnv, type Env } from '@msc/core'
import { createMonitoring, type CaptureContext, type Monitoring, type MonitoringOptions } from './create-monitoring.ts'
import type { Level, MonitoredUser } from './driver.ts'
import { local } from './drivers/local.ts'
import { sentryFromEnv } from './drivers/sentry.ts'
import { trackErrors } from './track.ts'

/**
 * Sentry when NEXT_PUBLIC_SENTRY_DSN is set, else the local journal. `MSC_RELEASE` and `NODE_ENV` label the events.
 *
 * @throws ConfigError for a DSN that is none, or without one in production unless `MSC_ALLOW_EMBEDDED` is set.
 */
export function createMonitoringFromEnv(
  env: Env = processEnv(),
  options: Omit<MonitoringOptions, 'driver'> = {},
): Monitoring {
  const labelled = { release: readEnv(env, 'MSC_RELEASE'), environment: readEnv(env, 'NODE_ENV'), ...options }
  const vendor = sentryFromEnv(env)
  if (vendor) return createMonitoring({ ...labelled, driver: vendor })
  acceptEmbedded(env, {
    scope: 'monitoring',
    driver: 'local',
    risk: 'keeps errors on this machine only',
    variables: ['NEXT_PUBLIC_SENTRY_DSN'],
  })
  return createMonitoring({ ...labelled, driver: local({ print: env['NODE_ENV'] !== 'test' }) })
}

const instance = defaultInstance<Monitoring>('@msc/monitoring', () => createMonitoringFromEnv())

/** The instance that the functions below act on; made from the environment on first use. */
export const getDefaultMonitoring: () => Monitoring = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultMonitoring: (monitoring: Monitoring | undefined) => void = instance.set

/** {@link Monitoring.captureException} on the default instance. */
export function captureException(error: unknown, context?: CaptureContext): string {
  return getDefaultMonitoring().captureException(error, context)
}
/** {@link Monitoring.captureMessage} on the default instance. */
export function captureMessage(message: string, level?: Level, context?: CaptureContext): string {
  return getDefaultMonitoring().captureMessage(message, level, context)
}
/** {@link Monitoring.addBreadcrumb} on the default instance. */
export function addBreadcrumb(message: string, category?: string, data?: Record<string, unknown>): void {
  getDefaultMonitoring().addBreadcrumb(message, category, data)
}
/** {@link Monitoring.setUser} on the default instance. */
export function setUser(user: MonitoredUser | null): void {
  getDefaultMonitoring().setUser(user)
}
/** `fn`, reporting what it throws with the tag `operation: name`, then throwing it on. */
export function withErrorTracking<Args extends unknown[], Result>(
  fn: (...args: Args) => Result,
  name: string,
): (...args: Args) => Result {
  return trackErrors(getDefaultMonitoring, fn, { tags: { operation: name } })
}
/** `handler`, reporting what it throws with the tags `route` and `method`, then throwing it on. */
export function withAPIMonitoring<Args extends unknown[], Result>(
  route: string,
  method: string,
  handler: (...args: Args) => Result,
): (...args: Args) => Result {
  return trackErrors(getDefaultMonitoring, handler, { tags: { route, method } })
}
