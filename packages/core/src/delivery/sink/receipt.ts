/** Why an item was not delivered; the same words for every sink, in drops, telemetry and reports. */
export type DropReason =
  /** The queue was full, in items or in bytes. */
  | 'queue full'
  /** Larger than the sink takes, alone. */
  | 'too large'
  /** The backend refused the item's content. */
  | 'refused'
  /** The backend refuses us: credentials, address, quota. */
  | 'unauthorized'
  /** The backend failed on this item again and again while it took others. */
  | 'retries exhausted'
  /** The service was closed before it could be delivered. */
  | 'closed'
  /** It could not be read or built. */
  | 'unreadable'
  /** A rule of the application's: a filter, sampling, consent. */
  | 'filtered'

/** An item that was not taken. */
export interface Rejection {
  readonly id: string
  /** May the same item be taken later? */
  readonly retryable: boolean
  /** Default `refused`. Ignored where `retryable`. */
  readonly reason?: DropReason
  /** For the operator: `400 invalid timestamp`. Never the item's content. */
  readonly detail?: string
}

/** A sink that takes no more of some kinds for a while. */
export interface KindLimit {
  readonly kinds: readonly string[] | 'all'
  /** Milliseconds from now. */
  readonly forMs: number
}

/** What became of one `send`. What is not named in `rejected` was delivered. */
export interface Receipt {
  readonly rejected?: readonly Rejection[]
  readonly limits?: readonly KindLimit[]
}

/** All of it was delivered. */
export const DELIVERED: Receipt = Object.freeze({})

/**
 * How much haste there is. `background`: none. `leaving`: the page or the process is about to go, within a second or
 * two. `fatal`: the process has failed and goes as soon as this is over.
 */
export type Urgency = 'background' | 'leaving' | 'fatal'

export interface SendContext {
  /**
   * Aborts shortly before the deadline, or when the time to close is over. What asks the backend once for several items
   * has up to 50 ms then to return a receipt of what was answered, with all the rest in `rejected` as `retryable`: that
   * rest is tried again at once, without blame, and nothing that was answered is sent twice. What knows nothing of any
   * item rejects.
   */
  readonly signal: AbortSignal
  readonly urgency: Urgency
}

/** What was lost. */
export interface Drop {
  readonly reason: DropReason
  readonly count: number
  /** Of the items: `error`, `track`. One call for each kind. */
  readonly kind: string
  /** What the backend said, where it did. */
  readonly detail?: string
}

/** At every instant `accepted = delivered + dropped + queued + inFlight`. */
export interface DeliveryStats {
  /** Handed in, whatever became of them. */
  readonly accepted: number
  readonly delivered: number
  readonly dropped: number
  readonly queued: number
  /** On the wire: nobody knows yet. */
  readonly inFlight: number
}
