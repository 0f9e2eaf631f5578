import type { DriverBase } from '@msc/core'
import type { BatchLimits, Receipt, SendContext } from '@msc/core/delivery'
import type { Signal, SignalKind } from './signals.ts'

export interface MonitoringCapabilities {
  /** What it has a place for; the engine keeps the rest away from it. */
  readonly kinds: readonly SignalKind[]
  /** What one call of `send` may hold. */
  readonly limits: BatchLimits
}

/**
 * One backend of `@msc/monitoring`: a sink of signals. The engine redacts, batches, bounds, retries and counts; each
 * driver has an outbox and a breaker of its own.
 */
export interface MonitoringDriver extends DriverBase {
  readonly capabilities: MonitoringCapabilities
  /**
   * Delivers what it can and says what it could not, by id: what the receipt does not name was delivered. Rejects, with
   * a `DriverError`, only when it knows nothing of any signal. It may be given the same ids again. When
   * `context.signal` aborts it begins nothing more, and returns within 50 ms a receipt of what was answered by then, with
   * the rest in `rejected` as `retryable`: those are tried again at once.
   */
  send(signals: readonly Signal[], context: SendContext): Promise<Receipt>
  /**
   * Writes last words synchronously, as the process ends. Absent where the backend can't; may get what `send` has under
   * way.
   */
  sendSync?(signals: readonly Signal[]): void
  /**
   * In browsers: bytes that one delivery may have while the page is being left. `send` begins all its requests before its
   * first `await` then, or they are lost with the page.
   */
  leavingMaxBytes?(): number
}
