import type { DriverBase } from '@msc/core'
import type { BatchLimits, Receipt, SendContext } from '@msc/core/delivery'
import type { Envelope, Evaluation, JsonObject, MessageKind, Subject } from './messages.ts'

export interface AnalyticsCapabilities {
  /** The kinds of message that the backend has a place for; the engine sends no others. */
  readonly kinds: readonly MessageKind[]
  /** Limits of one call of `send`. */
  readonly limits: BatchLimits
}

/**
 * One backend of `@msc/analytics`, of a server or of a page: a sink for envelopes. The engine redacts, batches, bounds,
 * retries and counts; each driver has an outbox and a breaker of its own.
 */
export interface AnalyticsDriver extends DriverBase {
  readonly capabilities: AnalyticsCapabilities
  /**
   * Delivers what it can, and returns a receipt that names the rest by id: an envelope that it does not name was
   * delivered. Rejects with a `DriverError` only when it knows the outcome of none. The engine may pass the same ids
   * again. When `context.signal` aborts, it begins no new request and returns within 50 ms a receipt of the answers so
   * far, with the rest in `rejected` as `retryable`: those are retried at once.
   */
  send(envelopes: readonly Envelope[], context: SendContext): Promise<Receipt>
  /**
   * Delivers synchronously, as the process ends. Absent when the backend can't. May get envelopes that a call of `send`
   * is still delivering.
   */
  sendSync?(envelopes: readonly Envelope[]): void
  /**
   * In browsers: the number of bytes that one delivery may have while the page is being left. `send` must then begin
   * all requests before its first `await`, or they are lost with the page.
   */
  leavingMaxBytes?(): number
}

export interface FlagContext {
  readonly subject: Subject
  /** Properties of the person, for targeting. Not redacted, since rules compare them. */
  readonly properties: JsonObject
}

/** Evaluates flags. It is separate from the sinks, with a breaker and a deadline of its own. */
export interface FlagSource extends DriverBase {
  /**
   * Evaluates the flags of `keys`, or all of them; a flag that does not exist is absent. Rejects with a `DriverError`
   * when nothing could be evaluated.
   */
  evaluate(
    keys: readonly string[] | 'all',
    context: FlagContext,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Evaluation>>
}

/** Records what a visitor sees, in a browser. Its code loads with the first `start`. */
export interface SessionRecorder {
  /** Starts a recording for this person and session. Rejects when it can't. */
  start(subject: Subject): Promise<void>
  stop(): void
  /** The person has changed; later recordings belong to `subject`. */
  identify(subject: Subject): void
}
