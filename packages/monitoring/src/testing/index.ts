export {
  startSentryServer,
  type SentryBehaviour,
  type SentryEvent,
  type SentryFrame,
  type SentryItem,
  type SentryServer,
  type SentryServerOptions,
} from './sentry-server.ts'
