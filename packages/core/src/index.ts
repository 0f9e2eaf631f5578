export { acceptEmbedded, processEnv, readEnv, readEnvGroup, type EmbeddedChoice, type Env } from './env.ts'
export { backoff, type BackoffOptions } from './backoff.ts'
export { createBreaker, type Breaker, type BreakerOptions, type BreakerState } from './breaker.ts'
export {
  carrier,
  currentContext,
  currentScope,
  processScope,
  withCarrier,
  withContext,
  withScope,
  withoutScope,
  withUnit,
  type Carrier,
  type Context,
  type ScopeOptions,
} from './context.ts'
export { createCalls, type Calls, type CallsOptions } from './calls.ts'
export { assertDriver, assertDrivers, type DriverContract } from './assert-driver.ts'
export { assertMethods } from './assert-methods.ts'
export { assertNumbers } from './assert-numbers.ts'
export { driverShape, type DriverShape, type FieldKind } from './driver-shape.ts'
export { sleep, systemClock, type CancelTimer, type Clock, type TimerOptions } from './clock.ts'
export { createClosing, type Closing } from './closing.ts'
export { inTurn } from './in-turn.ts'
export { deadline, type DeadlineOptions } from './deadline.ts'
export { defaultInstance, type DefaultInstance } from './default-instance.ts'
export type { BudgetOptions, DriverBase, Service } from './driver.ts'
export { duration, type Duration } from './duration.ts'
export { every, type EveryOptions } from './every.ts'
export {
  ConfigError,
  DeadlineError,
  DriverError,
  MscError,
  UnavailableError,
  ValidationError,
  isError,
  isValidationError,
  readField,
  toError,
  type DriverErrorOptions,
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
  type JournalKinds,
  type JournalQuery,
  type JournalRecord,
  type MemoryJournalOptions,
} from './journal.ts'
export type { ErrorReporter, FailureContext, FailureSlot } from './failure-slot.ts'
export { provideRedactText, reportFailure, runGuarded, runReported, setErrorReporter } from './failures.ts'
export { guardSignal, guardSignals, guarded } from './guard-signal.ts'
export { createLateCalls, type LateCalls } from './late-calls.ts'
export { orAborted } from './or-aborted.ts'
export { lazyDriver, type LazyDriver } from './lazy-driver.ts'
export { lazyPeer, peerMissing } from './load-peer.ts'
export {
  REDACTED,
  configureRedaction,
  createRedactor,
  redact,
  type RedactOptions,
  type Redactor,
  type TextOptions,
} from './redact/index.ts'
export { validate, type InferOutput, type StandardSchema } from './schema.ts'
export { withBudgets } from './budgets.ts'
export { createPageService, createService, type ServiceKit, type ServiceOptions } from './service.ts'
export { CONTRACT_VERSION, processSlot, slotKey } from './slot.ts'
export { worstStatus, type Health, type LastError, type Status } from './status.ts'
// `export *`, so that a package can declare its operations on '@msc/core' itself.
export type * from './operations.ts'
export { emit, startOperation, telemetryEnabled, type Operation } from './telemetry.ts'
export { onTelemetry } from './telemetry-hub.ts'
export type { ListenOptions, TelemetryListener } from './telemetry-slot.ts'
export {
  MAX_BREADCRUMBS,
  createScope,
  keepBreadcrumb,
  type Scope,
  type ScopeBreadcrumb,
  type ScopeUser,
} from './scope.ts'
export { formatTraceparent, newTrace, parseTraceparent, type TraceContext } from './trace.ts'
export { assertWebAddress } from './web-address.ts'
