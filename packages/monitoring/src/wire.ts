export { parseEnvelope, type Envelope, type EnvelopeItem } from './envelope.ts'
