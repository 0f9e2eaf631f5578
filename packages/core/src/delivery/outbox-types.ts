import type { Breaker } from '../service/breaker.ts'
import type { Clock } from '../time/clock.ts'
import type { ErrorReporter } from '../errors/failure-slot.ts'
import type { Limited } from './limited.ts'
import type { DeliveryStats, Drop, DropReason, Receipt, SendContext, Urgency } from './sink/receipt.ts'

/** The properties of an item that the outbox needs. It never reads anything else. */
export interface ItemLabel {
  /** Unique in this outbox. Receipts refer to it. */
  readonly id: string
  /** `error`, `log`, `track`, … Limits and drops are by kind. */
  readonly kind: string
  /** Its approximate size in memory and on the wire. */
  readonly bytes: number
}

/** The limits of one call of a sink. */
export interface BatchLimits {
  readonly maxItems: number
  readonly maxBytes: number
  /** A larger item is dropped at `push` as `too large`. */
  readonly maxItemBytes: number
}

export interface OutboxOptions<T> {
  /** `analytics` or `monitoring`, for errors and telemetry. */
  readonly concern: string
  /** The sink's name. */
  readonly driver: string
  readonly label: (item: T) => ItemLabel
  /**
   * Delivers what it can and returns what it could not deliver. It throws only when it knows the outcome of no item: a
   * `DriverError` with `retryable`, `refuses` and `retryAfterMs`. It may be called again with the same ids. When
   * `context.signal` aborts, it starts nothing more and returns a receipt of the answers by then: see `SendContext`.
   */
  readonly send: (batch: readonly T[], context: SendContext) => Promise<Receipt>
  /** Writes last words synchronously; absent if the sink can't. May receive items that `send` has in flight. */
  readonly sendSync?: ((batch: readonly T[]) => void) | undefined
  readonly limits: BatchLimits
  /**
   * Returns the bytes that one delivery may have while a page is being left; called each time. In browsers, pass
   * `keepaliveRoom`. With it, `flush` with the urgency `leaving` takes back the batch in flight and sends it again within
   * these bytes, synchronously, because a browser drops plain requests together with the page. It sends all that fits,
   * even to a backend that has failed. The backend may get items of that batch twice, because it is not known which of
   * them were answered.
   */
  readonly leavingMaxBytes?: (() => number) | undefined
  /** The number of items to hold at most, including those in flight. */
  readonly maxQueue: number
  /** The number of bytes to hold at most, including those in flight. Default 8 MiB. */
  readonly maxQueueBytes?: number
  /** Milliseconds that an item waits for others at most; never more than half of `timeoutMs`. */
  readonly flushIntervalMs: number
  /**
   * Milliseconds for one delivery. For this long after a push into an idle outbox, pending items keep the process alive.
   */
  readonly timeoutMs: number
  /** The number of times that an item may fail while others are accepted, before it is dropped. Default 5. */
  readonly maxAttempts?: number
  /** A store in which items outlive the page or the process. Default: none. */
  readonly store?: OutboxStore<T> | undefined
  readonly clock?: Clock
  readonly random?: () => number
  /** Called with each loss and its reason. */
  readonly onDrop?: ((drop: Drop) => unknown) | undefined
  readonly onError?: ErrorReporter | undefined
}

/** A small persistent copy of the queue, for browsers. It enforces its own bound and leaves out what does not fit. */
export interface OutboxStore<T> {
  /**
   * Removes and returns the items that an earlier life left, the oldest first, so that no other tab sends them too.
   * `undefined` stands for an item that could not be read; it is counted as dropped, `unreadable`.
   */
  take(): Promise<readonly (T | undefined)[]>
  /** Replaces the stored items of this life. Synchronous, because it runs while a page is being left. */
  keep(items: readonly T[]): void
}

/**
 * Delivers items to one backend in the background, bounded in bytes, in batches, with retries, and counts every loss. Its
 * methods never throw or reject.
 */
export interface Outbox<T> {
  readonly breaker: Breaker
  /** Queues an item. Returns false and counts a drop when there is no room, when it is too large, or after `close`. */
  push(item: T): boolean
  /** Counts items of `kind` that were lost before they could be queued. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  stats(): DeliveryStats
  /** Returns the limits that the backend currently imposes, or `undefined` while it accepts everything. */
  limited(): Limited | undefined
  /**
   * Delivers the queued items, with retries, until nothing is left, `timeoutMs` milliseconds have passed, or the backend
   * has asked for a longer pause than that. The rest stays queued. Concurrent calls share one delivery.
   */
  flush(timeoutMs: number, urgency?: Urgency): Promise<void>
  /** Does the same as `flush`, then drops the rest as `closed`. The first call sets the budget. */
  close(timeoutMs: number, urgency?: Urgency): Promise<void>
  /** Passes all queued and in-flight items to `sendSync`, if there is one. Synchronous; never throws. */
  lastWords(): void
}
