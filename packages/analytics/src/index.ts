import './operations.ts'
export type { Analytics, AnalyticsOptions, FlagOptions, FlagValue, RecordOptions } from './analytics.ts'
export type { SubjectInput } from './recording/bad-call.ts'
export type { MessageInput, Properties } from './recording/build-envelope.ts'
export type { Catalogue } from './recording/catalogue.ts'
export { createAnalytics } from './create-analytics.ts'
export {
  configureAnalytics,
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
  unconfiguredCalls,
  type AnalyticsFromEnvOptions,
} from './default-analytics.ts'
export type { AnalyticsCapabilities, AnalyticsDriver, FlagContext, FlagSource, SessionRecorder } from './driver.ts'
export type { FlagDefinition, FlagDefinitions } from './flags/definitions.ts'
export type {
  AiMessage,
  AiUsage,
  AliasMessage,
  Envelope,
  Evaluation,
  EvaluationReason,
  ExposureMessage,
  GroupMessage,
  IdentifyMessage,
  Json,
  JsonObject,
  Message,
  MessageKind,
  PageContext,
  PageMessage,
  Subject,
  TrackMessage,
} from './messages.ts'
export { toRecord } from './recording/to-record.ts'
export type { AnalyticsDrop } from './recording/sinks.ts'
