import { processSlot } from '../slot.ts'

/** Says where a failure that nobody awaits happened. */
export interface FailureContext {
  /** `cache`, `jobs`, … */
  readonly concern: string
  /** The operation that failed: `delivery`, `listen`, `onDrop`. */
  readonly operation: string
  readonly driver?: string
  /** More details of the failure, such as `job`, `runId` or `topic`. The console shows those that are not objects. */
  readonly [detail: string]: unknown
}

/** Receives a failure that nobody awaits. An error that it throws or rejects with is caught. */
export type ErrorReporter = (error: Error, context: FailureContext) => unknown

/** The part of a call with a deadline that the guard of its signal needs. */
export interface GuardedCall {
  readonly operation: string
  /** Default: the concern that the operation names, as in `[msc/cache] [redis] get`. */
  readonly concern?: string
  /**
   * Called with errors that listeners of the signal throw. Default: they are reported like any failure that nobody awaits.
   */
  readonly report?: ((error: unknown, operation: string) => void) | undefined
}

export type RedactText = (text: string) => string

/** State for reporting failures that all copies of this package in a process share. */
export interface FailureSlot {
  reporter?: ErrorReporter | undefined
  /** The full redaction rules for reported failures, if provided. */
  redact?: RedactText | undefined
  /** Guards the signals of calls on servers, where a listener that throws would end the process. */
  guard?: ((signal: AbortSignal, call: GuardedCall) => AbortSignal) | undefined
  /** The time of the last print of each line, by the monotonic clock. */
  readonly printed: Map<string, number>
}

export const failureSlot = (): FailureSlot => processSlot('core/failures', () => ({ printed: new Map() }))
