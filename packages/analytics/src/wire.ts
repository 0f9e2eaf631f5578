export { decodePostHogBody, type WireBatch, type WireEvent } from './posthog-wire.ts'
