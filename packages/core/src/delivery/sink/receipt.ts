/** The reason why an item was not delivered, the same for every sink in drops, telemetry and reports. */
export type DropReason =
  /** The queue was full, in items or in bytes. */
  | 'queue full'
  /** The item alone is larger than the sink accepts. */
  | 'too large'
  /** The backend refused the item's content. */
  | 'refused'
  /** The backend refuses every call: credentials, address, quota. */
  | 'unauthorized'
  /** The backend kept failing on this item while it accepted others. */
  | 'retries exhausted'
  /** The service was closed before the item could be delivered. */
  | 'closed'
  /** The item could not be read or built. */
  | 'unreadable'
  /** A rule of the application excluded it: a filter, sampling, consent. */
  | 'filtered'

/** An item that the backend did not accept. */
export interface Rejection {
  readonly id: string
  /** True if the same item may be accepted later. */
  readonly retryable: boolean
  /** Default `refused`. Ignored if `retryable`. */
  readonly reason?: DropReason
  /** A detail for the operator, such as `400 invalid timestamp`. Never the item's content. */
  readonly detail?: string
}

/** Says that a sink accepts no more of some kinds for a while. */
export interface KindLimit {
  readonly kinds: readonly string[] | 'all'
  /** Milliseconds from now. */
  readonly forMs: number
}

/** The outcome of one `send`. Items that `rejected` does not name were delivered. */
export interface Receipt {
  readonly rejected?: readonly Rejection[]
  readonly limits?: readonly KindLimit[]
}

/** The receipt that says that the whole batch was delivered. */
export const DELIVERED: Receipt = Object.freeze({})

/**
 * How urgent a delivery is. `background`: not urgent. `leaving`: the page or the process is about to end, within a second
 * or two. `fatal`: the process has failed and ends as soon as this is done.
 */
export type Urgency = 'background' | 'leaving' | 'fatal'

export interface SendContext {
  /**
   * Aborts shortly before the deadline, or when the time to close is over. A sink that makes several requests for a batch
   * then has up to 50 ms to return a receipt of the answers so far, with the rest in `rejected` as `retryable`: the rest is
   * retried at once, without a strike, and nothing that was answered is sent twice. A sink that knows the outcome of no
   * item rejects.
   */
  readonly signal: AbortSignal
  readonly urgency: Urgency
}

/** Items that were lost. */
export interface Drop {
  readonly reason: DropReason
  readonly count: number
  /** The kind of the items, such as `error` or `track`. There is one call for each kind. */
  readonly kind: string
  /** The backend's message, if there was one. */
  readonly detail?: string
}

/** The counts of an outbox. At every instant `accepted = delivered + dropped + queued + inFlight`. */
export interface DeliveryStats {
  /** All items that were pushed, whatever their outcome. */
  readonly accepted: number
  readonly delivered: number
  readonly dropped: number
  readonly queued: number
  /** Items on the wire, whose outcome is not known yet. */
  readonly inFlight: number
}
