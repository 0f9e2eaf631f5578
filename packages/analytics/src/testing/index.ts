export {
  startPostHogServer,
  type PostHogBehaviour,
  type PostHogRequest,
  type PostHogServer,
  type PostHogServerOptions,
} from './posthog-server.ts'
export { decodePostHogBody, type WireBatch, type WireEvent } from '../posthog-wire.ts'
