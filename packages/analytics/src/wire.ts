export { decodePostHogBody, formData, type WireBatch, type WireEvent } from './posthog-wire.ts'
