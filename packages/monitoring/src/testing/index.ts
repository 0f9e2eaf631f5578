export { testMonitoringDriver, type MonitoringDriverSetup, type ReceivedEvent } from './conformance.ts'
export {
  startSentryServer,
  type SentryBehaviour,
  type SentryEvent,
  type SentryFrame,
  type SentryItem,
  type SentryServer,
  type SentryServerOptions,
} from './sentry-server.ts'
