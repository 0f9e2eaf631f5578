export { decodePostHogBody, postHogText, readPostHogBatch, type WireBatch, type WireEvent } from './posthog-wire.ts'
