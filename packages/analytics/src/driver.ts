import type { DriverBase } from '@msc/core'
import type { BatchLimits, Receipt, SendContext } from '@msc/core/delivery'
import type { Envelope, Evaluation, JsonObject, MessageKind, Subject } from './messages.ts'

export interface AnalyticsCapabilities {
  /** What it has a place for; the engine keeps the rest away from it. */
  readonly kinds: readonly MessageKind[]
  /** What one call of `send` may hold. */
  readonly limits: BatchLimits
}

/**
 * One backend of `@msc/analytics`, of a server or of a page: a sink of envelopes. The engine redacts, batches, bounds,
 * retries and counts; each driver has an outbox and a breaker of its own.
 */
export interface AnalyticsDriver extends DriverBase {
  readonly capabilities: AnalyticsCapabilities
  /**
   * Delivers what it can and says what it could not, by id: what the receipt does not name was delivered. Rejects, with
   * a `DriverError`, only when it knows nothing of any envelope. It may be given the same ids again. When
   * `context.signal` aborts it begins nothing more, and returns within 50 ms a receipt of what was answered by then, with
   * the rest in `rejected` as `retryable`: those are tried again at once.
   */
  send(envelopes: readonly Envelope[], context: SendContext): Promise<Receipt>
  /**
   * Writes last words synchronously, as the process ends. Absent where the backend can't; may get what `send` has under
   * way.
   */
  sendSync?(envelopes: readonly Envelope[]): void
  /**
   * In browsers: bytes that one delivery may have while the page is being left. `send` begins all its requests before its
   * first `await` then, or they are lost with the page.
   */
  leavingMaxBytes?(): number
}

export interface FlagContext {
  readonly subject: Subject
  /** What is known of the person, for targeting. Not redacted: rules compare it. */
  readonly properties: JsonObject
}

/** Where flags are evaluated. Apart from the sinks, with a breaker and a deadline of its own. */
export interface FlagSource extends DriverBase {
  /**
   * The flags of `keys`, or all; one that does not exist is absent. Rejects with a `DriverError` when nothing could be
   * evaluated.
   */
  evaluate(
    keys: readonly string[] | 'all',
    context: FlagContext,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, Evaluation>>
}

/** Records what a visitor sees, in a browser. Its code is loaded with the first `start`. */
export interface SessionRecorder {
  /** Starts, for this person and session. Rejects when it can't. */
  start(subject: Subject): Promise<void>
  stop(): void
  /** The person has changed. */
  identify(subject: Subject): void
}
