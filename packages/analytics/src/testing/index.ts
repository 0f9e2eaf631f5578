export { conformanceFlags, testAnalyticsDriver, type AnalyticsDriverSetup } from './conformance.ts'
export {
  startPostHogServer,
  type PostHogBehaviour,
  type PostHogServer,
  type PostHogServerOptions,
} from './posthog-server.ts'
export { decodePostHogBody, type WireBatch, type WireEvent } from '../posthog-wire.ts'
