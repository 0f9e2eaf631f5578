import {
  acceptEmbedded,
  defaultInstance,
  droppedCalls,
  instanceOrNothing,
  processEnv,
  readEnv,
  type Env,
} from '@msc/core'
import type { Analytics, AnalyticsOptions, FlagOptions, FlagValue } from './analytics.ts'
import type { Properties } from './recording/build-envelope.ts'
import { createAnalytics } from './create-analytics.ts'
import { local, localFlags } from './drivers/local.ts'
import { posthogFromEnv } from './drivers/posthog-from-env.ts'
import type { FlagDefinitions } from './flags/definitions.ts'

/**
 * The options of {@link createAnalyticsFromEnv}: {@link AnalyticsOptions} without the driver, which the environment
 * names.
 */
export interface AnalyticsFromEnvOptions extends Omit<AnalyticsOptions, 'driver' | 'flags'> {
  /** Used only by the embedded flag source. */
  readonly flags?: FlagDefinitions
}

/**
 * Makes an engine for PostHog when NEXT_PUBLIC_POSTHOG_KEY is set, else for the local journal. MSC_RELEASE labels the
 * events. Queued events are delivered before the process ends, unless `processEnd` is false.
 *
 * @throws ConfigError when the configuration is incomplete or wrong, or missing in production without
 *   `MSC_ALLOW_EMBEDDED`.
 */
export function createAnalyticsFromEnv(options: AnalyticsFromEnvOptions = {}, env: Env = processEnv()): Analytics {
  const { flags, ...rest } = options
  const labelled = { release: readEnv(env, 'MSC_RELEASE'), processEnd: readEnv(env, 'NODE_ENV') !== 'test', ...rest }
  const vendor = posthogFromEnv(env)
  if (vendor) return createAnalytics({ ...labelled, ...vendor })
  acceptEmbedded(env, {
    scope: 'analytics',
    driver: 'local',
    risk: 'keeps events on this machine only',
    variables: ['NEXT_PUBLIC_POSTHOG_KEY'],
  })
  return createAnalytics({ ...labelled, driver: local(), flags: localFlags(flags ?? {}) })
}

const instance = defaultInstance<Analytics>('@msc/analytics', () => createAnalyticsFromEnv())

/**
 * The instance that the functions below act on, made from the environment on first use. Call it when the application
 * starts, so that a wrong configuration is refused there.
 *
 * @throws ConfigError as {@link createAnalyticsFromEnv}.
 */
export const getDefaultAnalytics: () => Analytics = instance.get
/** Replaces the default instance. The caller closes the old one. */
export const setDefaultAnalytics: (analytics: Analytics | undefined) => void = instance.set

/**
 * Makes an instance from options and the environment, replaces the default one with it, and returns it. A previous
 * instance that this function or the first call made is closed in the background, which delivers its queue; one that
 * was passed to {@link setDefaultAnalytics} is left for the caller to close.
 *
 * @throws ConfigError as {@link createAnalyticsFromEnv}; the previous instance stays in place then.
 */
export function configureAnalytics(options?: AnalyticsFromEnvOptions, env?: Env): Analytics {
  return instance.replace(createAnalyticsFromEnv(options, env))
}

/**
 * The default instance, or `undefined` when the configuration is wrong: that is reported and the call is dropped, so
 * that no request fails for the sake of analytics.
 */
function analyticsOrNothing(): Analytics | undefined {
  return instanceOrNothing('analytics', getDefaultAnalytics)
}

/** Counts the calls of the functions below that were dropped because the configuration is wrong. */
export function unconfiguredCalls(): number {
  return droppedCalls('analytics')
}

/** {@link Analytics.track} on the default instance. Never throws or rejects, unless that instance is `strict`. */
export function trackServerEvent(userId: string, event: string, properties: Properties = {}): Promise<void> {
  return analyticsOrNothing()?.track(userId, event, properties) ?? Promise.resolve()
}
/** {@link Analytics.identify} on the default instance. Resolves and fails like {@link trackServerEvent}. */
export function identifyServerUser(userId: string, properties: Properties = {}): Promise<void> {
  return analyticsOrNothing()?.identify(userId, properties) ?? Promise.resolve()
}
/** Records an `api_request` event. `durationMs` in milliseconds. Resolves and fails like {@link trackServerEvent}. */
export function trackAPIRequest(
  userId: string,
  endpoint: string,
  method: string,
  statusCode: number,
  durationMs: number,
): Promise<void> {
  return trackServerEvent(userId, 'api_request', { endpoint, method, status_code: statusCode, duration_ms: durationMs })
}
/** Records a `database_query` event. `durationMs` in milliseconds. Resolves and fails like {@link trackServerEvent}. */
export function trackDatabaseQuery(userId: string, type: string, table: string, durationMs: number): Promise<void> {
  return trackServerEvent(userId, 'database_query', { query_type: type, table, duration_ms: durationMs })
}
/**
 * Records a model call. `tokens` is the total, `durationMs` in milliseconds. Resolves and fails like {@link
 * trackServerEvent}.
 */
export function trackAIRequest(
  userId: string,
  model: string,
  tokens: number,
  durationMs: number,
  success: boolean,
): Promise<void> {
  const message = {
    kind: 'ai',
    operation: 'generation',
    model,
    usage: { total: tokens },
    latencyMs: durationMs,
    failed: !success,
  } as const
  return analyticsOrNothing()?.record(userId, message) ?? Promise.resolve()
}
/** Delivers the queue, within 5 seconds. Never rejects. */
export const flushEvents = (): Promise<void> => analyticsOrNothing()?.flush() ?? Promise.resolve()
/** {@link Analytics.getFeatureFlag} on the default instance; the fallback when the configuration is wrong. */
export async function getFeatureFlag(flag: string, userId: string, options?: FlagOptions): Promise<FlagValue> {
  return analyticsOrNothing()?.getFeatureFlag(flag, userId, options) ?? options?.fallback ?? false
}
/** {@link Analytics.isFeatureEnabled} on the default instance; the fallback when the configuration is wrong. */
export async function isFeatureEnabled(flag: string, userId: string, options?: FlagOptions): Promise<boolean> {
  return (await getFeatureFlag(flag, userId, options)) !== false
}
