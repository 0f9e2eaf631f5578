import type { Service } from '@msc/core'

/** Something that happens because a row was written. */
export interface NewOutboxEntry {
  /** Names who delivers it: 1 to 100 letters, digits and `_ . : / -`, such as `release/submitted`. */
  readonly kind: string
  /** Plain data, at most 256 KiB as JSON. */
  readonly payload: unknown
  /** 1 to 500 characters. The same key twice is one entry, as long as the first is kept: 7 days after its delivery. */
  readonly key?: string
  /**
   * 1 to 200 characters. Entries of one group are delivered one at a time, in the order in which they were added.
   * Transactions that overlap have no order among themselves.
   */
  readonly group?: string
}

/** An entry as it is delivered. */
export interface OutboxEntry {
  /** The same in each attempt: a receiver recognises by it what it has had already. */
  readonly id: string
  readonly kind: string
  readonly payload: unknown
  readonly group?: string
  /** The database's clock, milliseconds since the epoch. */
  readonly createdAt: number
}

export interface DeliveryContext {
  /** Aborts when the time of the attempt is up, its lease is lost, or the outbox closes. */
  readonly signal: AbortSignal
  /** 1 for the first. An attempt whose process was killed counts. */
  readonly attempt: number
}

/**
 * Delivers an entry of one kind. It is called at least once for each entry, and again after a failure, a kill or a lost answer:
 * pass the entry's id on to the receiver, which does the work once for each id. That makes it exactly once.
 *
 * An `MscError` whose `retryable` is false parks the entry; any other error is tried again, for ever.
 */
export type Deliver = (entry: OutboxEntry, context: DeliveryContext) => unknown

/** `unknown` is an id that never was, or whose entry was delivered and removed since. */
export type OutboxEntryState = 'pending' | 'delivered' | 'parked' | 'unknown'

export interface OutboxState {
  readonly id: string
  readonly state: OutboxEntryState
  /** How often it was tried. */
  readonly attempts: number
  /** What the last attempt failed with, redacted. */
  readonly error?: string
  readonly errorCode?: string
}

export interface ParkedEntry {
  readonly id: string
  readonly kind: string
  readonly group?: string
  readonly attempts: number
  readonly error?: string
  readonly errorCode?: string
}

export interface Outbox extends Service {
  readonly concern: 'outbox'
  /** Begins to deliver, and goes on until `close`. Idempotent. Failures are reported and tried again. */
  start(): void
  /** Resolves when nothing that is due is left for this process, or the time is up (`timeoutMs`, default 5 000). */
  flush(options?: { readonly timeoutMs?: number }): Promise<void>
  /**
   * Returns the state of each of at most 1 000 ids, in their order.
   *
   * @throws ValidationError `OUTBOX_ENTRY_INVALID` for what is no UUID; the errors of `Database.asService`.
   */
  state(ids: readonly string[]): Promise<OutboxState[]>
  /**
   * Returns parked entries, the oldest first: at most `limit` (default 100), and never more than 1 000.
   *
   * @throws ConfigError `OPTION_INVALID` for a `limit` that is no whole number of at least 1.
   */
  parked(options?: { readonly limit?: number }): Promise<ParkedEntry[]>
  /** Puts a parked entry back, to be delivered at once. Returns false if it is not parked. */
  retry(id: string): Promise<boolean>
  /** Removes a parked entry, so that its group goes on without it. Returns false if it is not parked. */
  discard(id: string): Promise<boolean>
}
