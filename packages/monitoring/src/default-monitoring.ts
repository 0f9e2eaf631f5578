import {
  acceptEmbedded,
  defaultInstance,
  processEnv,
  droppedCalls,
  randomHex,
  readEnv,
  instanceOrNothing,
  type Env,
} from '@msc/core'
import { createMonitoring, type CaptureContext, type Monitoring, type MonitoringOptions } from './create-monitoring.ts'
import { local } from './drivers/local.ts'
import { sentryFromEnv } from './drivers/sentry-from-env.ts'
import type { Level, MonitoredUser } from './signals.ts'
import { trackErrors } from './track.ts'

/** The options of {@link createMonitoringFromEnv}: {@link MonitoringOptions} without the driver, which the environment selects. */
export type MonitoringFromEnvOptions = Omit<MonitoringOptions, 'driver'>

/**
 * Makes an instance from the environment: with Sentry if NEXT_PUBLIC_SENTRY_DSN is set, else with the local journal.
 * MSC_RELEASE and NODE_ENV become the release and environment of its events. It delivers before the process ends unless
 * `processEnd` is false.
 *
 * @throws ConfigError for an invalid DSN, or without one in production unless `MSC_ALLOW_EMBEDDED` allows it.
 */
export function createMonitoringFromEnv(options: MonitoringFromEnvOptions = {}, env: Env = processEnv()): Monitoring {
  const labelled = {
    release: readEnv(env, 'MSC_RELEASE'),
    environment: readEnv(env, 'NODE_ENV'),
    processEnd: readEnv(env, 'NODE_ENV') !== 'test',
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
  return createMonitoring({ ...labelled, driver: local({ print: readEnv(env, 'NODE_ENV') !== 'test' }) })
}

const instance = defaultInstance<Monitoring>('@msc/monitoring', () => createMonitoringFromEnv())

/**
 * Returns the instance that the functions below use, made from the environment on first use. Call it when the application
 * starts, so that a wrong configuration is refused there.
 *
 * @throws ConfigError like {@link createMonitoringFromEnv}.
 */
export const getDefaultMonitoring: () => Monitoring = instance.get
/** Replaces the default instance. The caller closes the old one. */
export const setDefaultMonitoring: (monitoring: Monitoring | undefined) => void = instance.set

/**
 * Makes the default instance from options and the environment, replaces the previous one, and returns it. A previous
 * instance that this function or the first call made is closed in the background, which delivers what it holds. One that
 * was passed to {@link setDefaultMonitoring} is its owner's to close.
 *
 * @throws ConfigError like {@link createMonitoringFromEnv}. The previous instance then stays.
 */
export function configureMonitoring(options?: MonitoringFromEnvOptions, env?: Env): Monitoring {
  return instance.replace(createMonitoringFromEnv(options, env))
}

/**
 * Returns the default instance, or `undefined` if the configuration is wrong, which is reported once. The caller then drops
 * its call, because reporting an error must not throw a different one.
 */
export function monitoringOrNothing(): Monitoring | undefined {
  return instanceOrNothing('monitoring', getDefaultMonitoring)
}

/** Returns the number of calls of the functions below that were dropped because the configuration is wrong. */
export function unconfiguredCalls(): number {
  return droppedCalls('monitoring')
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
/** Wraps `fn` so that its errors are reported with the tag `operation: name` and thrown again unchanged. */
export function withErrorTracking<Args extends unknown[], Result>(
  fn: (...args: Args) => Result,
  name: string,
): (...args: Args) => Result {
  return trackErrors((error) => void captureException(error, { tags: { operation: name } }), fn)
}
/** Wraps `handler` so that its errors are reported with the tags `route` and `method` and thrown again unchanged. */
export function withAPIMonitoring<Args extends unknown[], Result>(
  route: string,
  method: string,
  handler: (...args: Args) => Result,
): (...args: Args) => Result {
  return trackErrors((error) => void captureException(error, { tags: { route, method } }), handler)
}
