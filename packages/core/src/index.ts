export { acceptEmbedded, processEnv, readEnv, readEnvGroup, type EmbeddedChoice, type Env } from './contract/env.ts'
export { backoff, type BackoffOptions } from './time/backoff.ts'
export { createBreaker, type Breaker, type BreakerOptions, type BreakerState } from './service/breaker.ts'
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
} from './context/context.ts'
export { createCalls, type Calls, type CallsOptions } from './service/calls.ts'
export { assertDriver, assertDrivers, type DriverContract } from './contract/assert-driver.ts'
export { assertMethods } from './contract/options/assert-methods.ts'
export { assertNumbers, type NumberRule } from './contract/options/assert-numbers.ts'
export { assertChoice, assertList, assertOptions } from './contract/options/assert-options.ts'
export { assertPorts } from './contract/options/assert-ports.ts'
export { optionInvalid } from './contract/options/option-invalid.ts'
export { isCredential, isHeaderValue } from './contract/header-value.ts'
export { driverShape, type DriverShape, type FieldKind } from './contract/driver-shape.ts'
export { isRecord } from './contract/is-record.ts'
export { jsonForm } from './json-form.ts'
export { sleep, systemClock, type CancelTimer, type Clock, type TimerOptions } from './time/clock.ts'
export { ADDRESS_HINT, parseServerAddress } from './contract/server-address.ts'
export { assertText } from './contract/options/assert-text.ts'
export { anySignal } from './time/any-signal.ts'
export { closedError } from './service/closed.ts'
export { droppedCalls, instanceOrNothing } from './service/unconfigured.ts'
export { createClosing, type Closing } from './service/closing.ts'
export { inTurn } from './time/in-turn.ts'
export { deadline, type DeadlineOptions } from './time/deadline.ts'
export { defaultInstance, type DefaultInstance } from './service/default-instance.ts'
export type { BudgetOptions, DriverBase, Service } from './contract/driver.ts'
export { duration, type Duration } from './time/duration.ts'
export { durationOption } from './contract/options/duration-option.ts'
export { every, type EveryOptions } from './time/every.ts'
export {
  ConfigError,
  DeadlineError,
  DriverError,
  MscError,
  UnavailableError,
  ValidationError,
  isError,
  isDriverError,
  isValidationError,
  readField,
  toError,
  type DriverErrorOptions,
  type MscErrorOptions,
  type ValidationIssue,
} from './errors/errors.ts'
export { randomHex, sortableId } from './ids.ts'
export {
  matches,
  type Journal,
  type JournalEntry,
  type JournalKind,
  type JournalKinds,
  type JournalQuery,
  type JournalRecord,
} from './telemetry/journal.ts'
export { createMemoryJournal, getJournal, setJournal, type MemoryJournalOptions } from './telemetry/memory-journal.ts'
export type { ErrorReporter, FailureContext, FailureSlot } from './errors/failure-slot.ts'
export { provideRedactText, reportFailure, runGuarded, runReported, setErrorReporter } from './errors/failures.ts'
export { guardSignal, guardSignals, guarded } from './time/guard-signal.ts'
export { createLateCalls, type LateCalls } from './late-calls.ts'
export { orAborted } from './time/or-aborted.ts'
export { lazyDriver, type LazyDriver } from './contract/lazy-driver.ts'
export { lazyPeer, peerMissing } from './contract/load-peer.ts'
export {
  REDACTED,
  configureRedaction,
  createRedactor,
  redact,
  type RedactOptions,
  type Redactor,
  type TextOptions,
} from './redact/index.ts'
export { validate, type InferOutput, type StandardSchema } from './contract/schema.ts'
export { createPageService, createService, type ServiceKit, type ServiceOptions } from './service/service.ts'
export { CONTRACT_VERSION, processSlot, slotKey } from './slot.ts'
export { worstStatus, type Health, type LastError, type Status } from './service/status.ts'
// `export *` lets other packages declare their operations on '@msc/core' itself.
export type * from './telemetry/operations.ts'
export { emit, startOperation, telemetryEnabled, type Operation } from './telemetry/telemetry.ts'
export { onTelemetry } from './telemetry/telemetry-hub.ts'
export type { ListenOptions, TelemetryListener } from './telemetry/telemetry-slot.ts'
export {
  MAX_BREADCRUMBS,
  createScope,
  keepBreadcrumb,
  type Scope,
  type ScopeBreadcrumb,
  type ScopeUser,
} from './context/scope.ts'
export { formatTraceparent, newTrace, parseTraceparent, type TraceContext } from './context/trace.ts'
export { assertWebAddress } from './contract/web-address.ts'
