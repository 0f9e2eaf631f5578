import {
  acceptEmbedded,
  defaultInstance,
  processEnv,
  processSlot,
  randomHex,
  readEnv,
  reportFailure,
  type Env,
} from '@msc/core'
import { createMonitoring, type CaptureContext, type Monitoring, type MonitoringOptions } from './create-monitoring.ts'
import { local } from './drivers/local.ts'
import { sentryFromEnv } from './drivers/sentry-from-env.ts'
import type { Level, MonitoredUser } from './signals.ts'
import { trackErrors } from './track.ts'

/** What {@link createMonitoringFromEnv} takes: all of {@link MonitoringOptions} but the driver, which the environment names. */
export type MonitoringFromEnvOptions = Omit<MonitoringOptions, 'driver'>

/**
 * Sentry when NEXT_PUBLIC_SENTRY_DSN is set, else the local journal. MSC_RELEASE and NODE_ENV label the events. Takes
 * part in the end of the process unless `processEnd` is false.
 *
 * @throws ConfigError for a DSN that is none, or without one in production unless `MSC_ALLOW_EMBEDDED` allows it.
 */
export function createMonitoringFromEnv(options: MonitoringFromEnvOptions = {}, env: Env = processEnv()): Monitoring {
  const labelled = {
    release: readEnv(env, 'MSC_RELEASE'),
    environment: readEnv(env, 'NODE_ENV'),
    processEnd: env['NODE_ENV'] !== 'test',
    ...options,
  }
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

/**
 * The instance that the functions below act on; made from the environment on first use. Call it when the application
 * starts: that is where a wrong configuration should be refused.
 *
 * @throws ConfigError as {@link createMonitoringFromEnv}.
 */
export const getDefaultMonitoring: () => Monitoring = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultMonitoring: (monitoring: Monitoring | undefined) => void = instance.set

/**
 * Makes the default instance from options and the environment, puts it in the place of the one before, and returns it. One
 * that this function or the first call had made is closed in the background, which delivers what it holds; one that was
 * given to {@link setDefaultMonitoring} stays its giver's to close.
 *
 * @throws ConfigError as {@link createMonitoringFromEnv}; the one before stays then.
 */
export function configureMonitoring(options?: MonitoringFromEnvOptions, env?: Env): Monitoring {
  return instance.replace(createMonitoringFromEnv(options, env))
}

/**
 * The default instance, or `undefined` where the configuration is wrong: that is reported, and the call is dropped.
 * Whoever reports an error must not get another one in its place.
 */
export function monitoringOrNothing(): Monitoring | undefined {
  try {
    return getDefaultMonitoring()
  } catch (error) {
    const lost = processSlot('monitoring/unconfigured', () => ({ calls: 0 }))
    lost.calls += 1
    if (lost.calls === 1) reportFailure(error, { concern: 'monitoring', operation: 'configure' })
    return undefined
  }
}

/** Calls of the functions below that were dropped because the configuration is wrong. */
export function unconfiguredCalls(): number {
  return processSlot('monitoring/unconfigured', () => ({ calls: 0 })).calls
}

/** {@link Monitoring.captureException} on the default instance. Never throws. */
export function captureException(error: unknown, context?: CaptureContext): string {
  return monitoringOrNothing()?.captureException(error, context) ?? randomHex(16)
}
/** {@link Monitoring.captureMessage} on the default instance. Never throws. */
export function captureMessage(message: string, level?: Level, context?: CaptureContext): string {
  return monitoringOrNothing()?.captureMessage(message, level, context) ?? randomHex(16)
}
/** {@link Monitoring.addBreadcrumb} on the default instance. Never throws. */
export function addBreadcrumb(message: string, category?: string, data?: Record<string, unknown>): void {
  monitoringOrNothing()?.addBreadcrumb(message, category, data)
}
/** {@link Monitoring.setUser} on the default instance. Never throws. */
export function setUser(user: MonitoredUser | null): void {
  monitoringOrNothing()?.setUser(user)
}
/** {@link Monitoring.setTag} on the default instance. Never throws. */
export function setTag(name: string, value: string | number | boolean | undefined): void {
  monitoringOrNothing()?.setTag(name, value)
}
/** `fn`, reporting what it throws with the tag `operation: name`, then throwing on exactly that. */
export function withErrorTracking<Args extends unknown[], Result>(
  fn: (...args: Args) => Result,
  name: string,
): (...args: Args) => Result {
  return trackErrors((error) => void captureException(error, { tags: { operation: name } }), fn)
}
/** `handler`, reporting what it throws with the tags `route` and `method`, then throwing on exactly that. */
export function withAPIMonitoring<Args extends unknown[], Result>(
  route: string,
  method: string,
  handler: (...args: Args) => Result,
): (...args: Args) => Result {
  return trackErrors((error) => void captureException(error, { tags: { route, method } }), handler)
}
