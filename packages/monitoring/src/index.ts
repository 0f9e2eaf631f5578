import './operations.ts'
export { withScope } from '@msc/core'
export { captureFailures, type CaptureFailuresOptions } from './capture-failures.ts'
export { createMonitoring, type CaptureContext, type Monitoring, type MonitoringOptions } from './create-monitoring.ts'
export {
  addBreadcrumb,
  captureException,
  captureMessage,
  configureMonitoring,
  createMonitoringFromEnv,
  getDefaultMonitoring,
  setDefaultMonitoring,
  setTag,
  setUser,
  unconfiguredCalls,
  withAPIMonitoring,
  withErrorTracking,
  type MonitoringFromEnvOptions,
} from './default-monitoring.ts'
export type { MonitoringCapabilities, MonitoringDriver } from './driver.ts'
export { fingerprintOf, type Grouped } from './event/fingerprint.ts'
export { parseStack } from './event/frames.ts'
export { toRecord } from './record.ts'
export type {
  Breadcrumb,
  CheckInSignal,
  DropsSignal,
  ErrorSignal,
  ErrorValue,
  FeedbackSignal,
  Frame,
  Level,
  LogSignal,
  MessageSignal,
  MetricSignal,
  MonitoredUser,
  SessionSignal,
  Signal,
  SignalKind,
  SpanSignal,
} from './signals.ts'
export type { SignalDrop } from './sinks.ts'
