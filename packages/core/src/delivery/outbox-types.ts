import type { Breaker } from '../service/breaker.ts'
import type { Clock } from '../time/clock.ts'
import type { ErrorReporter } from '../errors/failure-slot.ts'
import type { Limited } from './limited.ts'
import type { DeliveryStats, Drop, DropReason, Receipt, SendContext, Urgency } from './sink/receipt.ts'

/** What the outbox needs to know of an item; it never looks at anything else. */
export interface ItemLabel {
  /** Unique in this outbox; receipts name it. */
  readonly id: string
  /** `error`, `log`, `track`, … Limits and drops are told by kind. */
  readonly kind: string
  /** What it weighs in memory and on the wire, about. */
  readonly bytes: number
}

/** What a sink takes in one call. */
export interface BatchLimits {
  readonly maxItems: number
  readonly maxBytes: number
  /** A larger item is dropped at the door as `too large`. */
  readonly maxItemBytes: number
}

export interface OutboxOptions<T> {
  /** `analytics`, `monitoring`: named in errors and telemetry. */
  readonly concern: string
  /** The sink's name. */
  readonly driver: string
  readonly label: (item: T) => ItemLabel
  /**
   * Delivers what it can and says what it could not. It throws only when it knows nothing of any item: a `DriverError`
   * with `retryable`, `refuses` and `retryAfterMs`. It may be called again with the same ids. When `context.signal` aborts
   * it begins nothing more, and returns a receipt of what was answered by then: see `SendContext`.
   */
  readonly send: (batch: readonly T[], context: SendContext) => Promise<Receipt>
  /** Writes last words, synchronously; absent where the sink can't. May get what `send` has under way. */
  readonly sendSync?: ((batch: readonly T[]) => void) | undefined
  readonly limits: BatchLimits
  /**
   * Bytes that one delivery may have while a page is being left, asked each time; in browsers `keepaliveRoom`.
   * Where it is given, `flush` with the urgency `leaving` takes back what is under way and sends it again within these
   * bytes, synchronously, because a browser drops plain requests with the page. It sends all that fits, also to a backend
   * that has failed; what part of the batch under way was answered is not known by then, and may come twice.
   */
  readonly leavingMaxBytes?: (() => number) | undefined
  /** Items held at most, on the wire included. */
  readonly maxQueue: number
  /** Bytes held at most, on the wire included. Default 8 MiB. */
  readonly maxQueueBytes?: number
  /** Milliseconds an item waits for others at most; never more than half of `timeoutMs`. */
  readonly flushIntervalMs: number
  /**
   * Milliseconds for one delivery. As long as this after a push into an idle outbox, what is pending keeps a process
   * alive.
   */
  readonly timeoutMs: number
  /** Times that one item may fail while others are taken; then it is dropped. Default 5. */
  readonly maxAttempts?: number
  /** Where items outlive the page or the process; absent: nowhere. */
  readonly store?: OutboxStore<T> | undefined
  readonly clock?: Clock
  readonly random?: () => number
  /** Told what was lost, and why. */
  readonly onDrop?: ((drop: Drop) => unknown) | undefined
  readonly onError?: ErrorReporter | undefined
}

/** A small persistent copy of what is queued, for browsers. Bounded by itself; what it can't keep it leaves out. */
export interface OutboxStore<T> {
  /**
   * What an earlier life left, oldest first; it is taken, so that no other tab sends it too. `undefined` stands for each
   * that was there and could not be read: it is counted as dropped, `unreadable`.
   */
  take(): Promise<readonly (T | undefined)[]>
  /** Replaces what is kept for this life by what is queued now. Synchronous: it runs while a page is left. */
  keep(items: readonly T[]): void
}

/**
 * Hands items to one backend in the background: bounded in bytes, batched, retried, and with every loss counted.
 * Nothing here throws or rejects.
 */
export interface Outbox<T> {
  readonly breaker: Breaker
  /** Queues an item; false, and a counted drop, when there is no room, when it is too large, or after `close`. */
  push(item: T): boolean
  /** Counts items of `kind` that were lost before the queue. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  stats(): DeliveryStats
  /** What the backend asked to be kept from for a while; `undefined` while it takes everything. */
  limited(): Limited | undefined
  /**
   * Delivers what is queued, with retries, until nothing is left or `timeoutMs` is over, or until the backend has asked
   * to be left alone for longer than that. What is left stays queued. Calls at once share one delivery.
   */
  flush(timeoutMs: number, urgency?: Urgency): Promise<void>
  /** As `flush`, then what is left is dropped as `closed`. The first call decides. */
  close(timeoutMs: number, urgency?: Urgency): Promise<void>
  /** Last words: hands all that is queued or under way to `sendSync`, where there is one. Synchronous, never throws. */
  lastWords(): void
}
