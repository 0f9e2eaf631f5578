import './operations.ts'
export { createMonitoring, type CaptureContext, type Monitoring, type MonitoringOptions } from './create-monitoring.ts'
export {
  addBreadcrumb,
  captureException,
  captureMessage,
  createMonitoringFromEnv,
  getDefaultMonitoring,
  setDefaultMonitoring,
  setUser,
  withAPIMonitoring,
  withErrorTracking,
} from './default-monitoring.ts'
export type { Breadcrumb, ErrorValue, Level, MonitoredUser, MonitoringDriver, MonitoringEvent } from './driver.ts'
export { fingerprintOf } from './fingerprint.ts'
