import './operations.ts'
export {
  createAnalytics,
  type Analytics,
  type AnalyticsOptions,
  type Catalogue,
  type FlagOptions,
} from './create-analytics.ts'
export {
  createAnalyticsFromEnv,
  flushEvents,
  getDefaultAnalytics,
  getFeatureFlag,
  identifyServerUser,
  isFeatureEnabled,
  setDefaultAnalytics,
  trackAIRequest,
  trackAPIRequest,
  trackDatabaseQuery,
  trackServerEvent,
  type FromEnvOptions,
} from './default-analytics.ts'
export type {
  AnalyticsCapabilities,
  AnalyticsDriver,
  AnalyticsEvent,
  FlagQuery,
  FlagResult,
  FlagValue,
} from './driver.ts'
export type { FlagDefinition, FlagDefinitions } from './flags.ts'
