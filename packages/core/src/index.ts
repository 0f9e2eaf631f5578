export { acceptEmbedded, processEnv, readEnv, readEnvGroup, type EmbeddedChoice, type Env } from './env.ts'
export { backoff, type BackoffOptions } from './backoff.ts'
export { createBreaker, type Breaker, type BreakerOptions, type BreakerState } from './breaker.ts'
export { carrier, currentContext, withCarrier, withContext, type Carrier, type Context } from './context.ts'
export { sleep, systemClock, type CancelTimer, type Clock } from './clock.ts'
export { deadline, type DeadlineOptions } from './deadline.ts'
export { defaultInstance, type DefaultInstance } from './default-instance.ts'
export type { DriverBase, Service } from './driver.ts'
export { duration, type Duration } from './duration.ts'
export {
  ConfigError,
  DeadlineError,
  DriverError,
  MscError,
  UnavailableError,
  ValidationError,
  toError,
  type MscErrorOptions,
  type ValidationIssue,
} from './errors.ts'
export { randomHex, sortableId } from './ids.ts'
export {
  createMemoryJournal,
  getJournal,
  matches,
  setJournal,
  type Journal,
  type JournalEntry,
  type JournalKind,
  type JournalQuery,
  type JournalRecord,
  type MemoryJournalOptions,
} from './journal.ts'
export { createOutbox, type Outbox, type OutboxOptions, type OutboxStats } from './outbox.ts'
export { lazyPeer } from './load-peer.ts'
export {
  REDACTED,
  configureRedaction,
  createRedactor,
  redact,
  type RedactOptions,
  type Redactor,
} from './redact/index.ts'
export { validate, type InferOutput, type StandardSchema } from './schema.ts'
export { worstStatus, type Health, type Status } from './status.ts'
export {
  emit,
  onTelemetry,
  telemetryEnabled,
  type AttributeValue,
  type OperationName,
  type Operations,
  type TelemetryEvent,
  type TelemetryListener,
} from './telemetry.ts'
export { formatTraceparent, newTrace, parseTraceparent, type TraceContext } from './trace.ts'
