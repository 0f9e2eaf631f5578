import type { DriverBase } from '@msc/core'
import type { BatchLimits, Receipt, SendContext } from '@msc/core/delivery'
import type { Signal, SignalKind } from './signals.ts'

export interface MonitoringCapabilities {
  /** The kinds that the driver supports. The engine does not send it others. */
  readonly kinds: readonly SignalKind[]
  /** The limits of one call of `send`. */
  readonly limits: BatchLimits
}

/**
 * One backend of `@msc/monitoring`: a sink for signals. The engine redacts, batches, bounds, retries and counts. Each driver
 * has an outbox and a breaker of its own.
 */
export interface MonitoringDriver extends DriverBase {
  readonly capabilities: MonitoringCapabilities
  /**
   * Delivers what it can and returns the ids that it could not deliver; all others count as delivered. Rejects, with a
   * `DriverError`, only when it knows the outcome of no signal. It may get the same ids again. When `context.signal` aborts,
   * it starts nothing more and returns within 50 ms a receipt of the answers so far, with the rest in `rejected` as
   * `retryable`; the rest is retried at once.
   */
  send(signals: readonly Signal[], context: SendContext): Promise<Receipt>
  /**
   * Writes signals synchronously as the process ends. Absent if the backend can't. May get signals that `send` has in
   * flight.
   */
  sendSync?(signals: readonly Signal[]): void
  /**
   * In browsers, returns the bytes that one delivery may have while the page is being left. `send` must then start all its
   * requests before its first `await`, or they are lost with the page.
   */
  leavingMaxBytes?(): number
}
