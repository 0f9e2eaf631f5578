import { processSlot } from '../slot.ts'

/** Where a failure that nobody awaits happened. */
export interface FailureContext {
  /** `cache`, `jobs`, … */
  readonly concern: string
  /** What was tried: `delivery`, `listen`, `onDrop`. */
  readonly operation: string
  readonly driver?: string
  /** More that tells one failure from another: `job`, `runId`, `topic`. The console shows what is no object. */
  readonly [detail: string]: unknown
}

/** Told of a failure that nobody awaits. What it throws or rejects with is caught. */
export type ErrorReporter = (error: Error, context: FailureContext) => unknown

/** What a call with a deadline says of itself to who guards its signal. */
export interface GuardedCall {
  readonly operation: string
  /** Default: what the operation begins with, as in `[msc/cache] [redis] get`. */
  readonly concern?: string
  /** Told of what a listener of the signal throws. Default: as of any failure that nobody awaits. */
  readonly report?: ((error: unknown, operation: string) => void) | undefined
}

export type RedactText = (text: string) => string

/** What all copies of this package in a process share of failures. */
export interface FailureSlot {
  reporter?: ErrorReporter | undefined
  /** The full rule set for what is said of failures, where somebody provided it. */
  redact?: RedactText | undefined
  /** What makes the signals of calls safe to listen to, where a listener that throws would end the process. */
  guard?: ((signal: AbortSignal, call: GuardedCall) => AbortSignal) | undefined
  /** When a line was said last, by the line. */
  readonly said: Map<string, number>
}

export const failureSlot = (): FailureSlot => processSlot('core/failures', () => ({ said: new Map() }))
