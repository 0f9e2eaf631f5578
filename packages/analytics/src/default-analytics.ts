import { acceptEmbedded, defaultInstance, processEnv, type Env } from '@msc/core'
import { createAnalytics, type Analytics, type AnalyticsOptions, type FlagOptions } from './create-analytics.ts'
import { local } from './drivers/local.ts'
import { posthogFromEnv } from './drivers/posthog.ts'
import type { FlagDefinitions } from './flags.ts'
import type { FlagValue } from './driver.ts'

export interface FromEnvOptions extends Omit<AnalyticsOptions, 'driver'> {
  /** Used by the embedded driver alone. */
  readonly flags?: FlagDefinitions
}

/**
 * PostHog when NEXT_PUBLIC_POSTHOG_KEY is set, else the local journal.
 *
 * @throws ConfigError when half set, or absent in production without `MSC_ALLOW_EMBEDDED`.
 */
export function createAnalyticsFromEnv(env: Env = processEnv(), options: FromEnvOptions = {}): Analytics {
  const { flags, ...rest } = options
  const vendor = posthogFromEnv(env)
  if (vendor) return createAnalytics({ ...rest, driver: vendor })
  acceptEmbedded(env, {
    scope: 'analytics',
    driver: 'local',
    risk: 'keeps events on this machine only',
    variables: ['NEXT_PUBLIC_POSTHOG_KEY'],
  })
  return createAnalytics({ ...rest, driver: local(flags ? { flags } : {}) })
}

const instance = defaultInstance<Analytics>('@msc/analytics', () => createAnalyticsFromEnv())

/** The instance that the functions below act on; made from the environment on first use. */
export const getDefaultAnalytics: () => Analytics = instance.get
/** Replaces it; the old one is the caller's to close. */
export const setDefaultAnalytics: (analytics: Analytics | undefined) => void = instance.set

/** {@link Analytics.track} on the default instance. */
export function trackServerEvent(
  userId: string,
  event: string,
  properties: Record<string, unknown> = {},
): Promise<void> {
  return getDefaultAnalytics().track(userId, event, properties)
}
/** {@link Analytics.identify} on the default instance. */
export function identifyServerUser(userId: string, properties: Record<string, unknown> = {}): Promise<void> {
  return getDefaultAnalytics().identify(userId, properties)
}
/** An `api_request` event. `durationMs` in milliseconds. */
export function trackAPIRequest(
  userId: string,
  endpoint: string,
  method: string,
  statusCode: number,
  durationMs: number,
): Promise<void> {
  return trackServerEvent(userId, 'api_request', { endpoint, method, status_code: statusCode, duration_ms: durationMs })
}
/** A `database_query` event. `durationMs` in milliseconds. */
export function trackDatabaseQuery(userId: string, type: string, table: string, durationMs: number): Promise<void> {
  return trackServerEvent(userId, 'database_query', { query_type: type, table, duration_ms: durationMs })
}
/** PostHog's `$ai_generation` event. `durationMs` in milliseconds; PostHog wants seconds. */
export function trackAIRequest(
  userId: string,
  model: string,
  tokens: number,
  durationMs: number,
  success: boolean,
): Promise<void> {
  return trackServerEvent(userId, '$ai_generation', {
    $ai_model: model,
    $ai_total_tokens: tokens,
    $ai_latency: durationMs / 1000,
    $ai_is_error: !success,
  })
}
/** Delivers what is queued, within 5 seconds; never rejects. */
export const flushEvents = (): Promise<void> => getDefaultAnalytics().flush()
/** {@link Analytics.getFeatureFlag} on the default instance. */
export function getFeatureFlag(flag: string, userId: string, options?: FlagOptions): Promise<FlagValue> {
  return getDefaultAnalytics().getFeatureFlag(flag, userId, options)
}
/** {@link Analytics.isFeatureEnabled} on the default instance. */
export function isFeatureEnabled(flag: string, userId: string, options?: FlagOptions): Promise<boolean> {
  return getDefaultAnalytics().isFeatureEnabled(flag, userId, options)
}
