import type { RateLimitAlgorithm } from './rate-limit-rules.ts'
import type { PromiseOr, StoredEntry } from './stored.ts'

/** A claim to the right to load a key. */
export interface LeaseClaim {
  /** Where the value is. */
  readonly key: string
  /**
   * Where the lease is kept: an entry like any other, which holds the token, is found by `scan` and ended by `delete`.
   * That is how an invalidation takes the right to write from a load that began before it.
   */
  readonly lease: string
  /** Who claims it; different for each claim. */
  readonly token: string
}

export interface Acquired {
  /**
   * `mine`: the claim holds the lease from now on. `taken`: another one does. `failed`: another one did, and its load
   * has just failed.
   */
  readonly state: 'mine' | 'taken' | 'failed'
  /** What is stored under the claim's key. */
  readonly value: string | undefined
}

/** What is written to the log, and what changes with it. */
export interface LogAppend {
  /** Text of the engine's, which the store keeps as it is. */
  readonly message: string
  readonly set?: readonly StoredEntry[]
  readonly delete?: readonly string[]
  /** Leases that end. */
  readonly revoke?: readonly string[]
  /** Says that all keys that begin so are out of date, although they are deleted elsewhere, one by one. */
  readonly prefix?: string
  /** How many records the log keeps, this one included; older ones go. */
  readonly keepRecords: number
  /** Milliseconds that the log lives on without another record, at least. */
  readonly keepMs: number
}

export interface LogRecord {
  readonly message: string
  /** Those that were set, then those that were deleted with it. */
  readonly keys: readonly string[]
}

export interface LogPage {
  /** The end of the log when it was read. */
  readonly position: string
  /** The oldest first; `gap` when one of them is gone, or when the log has never had such a position. */
  readonly records: readonly LogRecord[] | 'gap'
}

/** One limit that a call has to keep to. The rules are those of `judgeCall`, to the last bit. */
export interface LimitRule {
  /** Where its state is kept; the store ends it by itself once it says nothing any more. */
  readonly key: string
  readonly algorithm: RateLimitAlgorithm
  /** Calls per window, an integer ≥ 0. */
  readonly limit: number
  readonly windowMs: number
}

export interface LimitVerdict {
  readonly allowed: boolean
  /** Calls left, after this one if it is allowed; an integer ≥ 0. */
  readonly remaining: number
  /** Milliseconds until the rule has forgotten all calls, if none is made until then. */
  readonly resetMs: number
  /** Milliseconds until a call of this cost is allowed at the earliest; 0 for one that is. */
  readonly waitMs: number
}

export interface LimitVerdicts {
  /** Milliseconds since the epoch by the store's own clock, so that processes whose clocks differ share a window. */
  readonly now: number
  /** In the order of the rules. */
  readonly verdicts: readonly LimitVerdict[]
}

/**
 * What several processes on one store decide together: who loads a key, what has been invalidated, who has used up a
 * limit. Each method but `readAt` and `listen` is atomic as a whole: no other call on the store is seen to happen in the
 * middle of it, and a failed one has either happened or not. While the store is away every method rejects.
 * Nothing is done for a signal that has aborted before the call.
 *
 * `log` is the name of a log, one for each namespace. A store without tables of its own keeps what it needs for it under
 * keys that begin with `<log>@`: no pattern of a caller reaches those. Positions are opaque to the engine.
 */
export interface CacheCoordination {
  /**
   * Takes the lease for `leaseMs` if nobody has it, and reads the value in the same step, so that a load that has just
   * been committed is not made again.
   */
  acquire(claim: LeaseClaim, leaseMs: number, signal: AbortSignal): PromiseOr<Acquired>

  /** The lease ends `leaseMs` from now, if it is still this claim's. False, and nothing is done, when it is not. */
  renew(claim: LeaseClaim, leaseMs: number, signal: AbortSignal): PromiseOr<boolean>

  /**
   * Writes the value and ends the lease, if it is still this claim's. False, and nothing is done, when the lease has
   * expired, was deleted, or is another's.
   */
  commit(claim: LeaseClaim, value: string, ttlMs: number, signal: AbortSignal): PromiseOr<boolean>

  /**
   * Ends the lease without a value. With `failedMs` > 0 it answers `failed` for so long to whoever asks for it, so that
   * those who wait do not fail one after the other. False, and nothing is done, when it is not this claim's.
   */
  release(claim: LeaseClaim, failedMs: number, signal: AbortSignal): PromiseOr<boolean>

  /**
   * Makes the changes and appends the record, both or neither, and tells those who `listen`. Returns how many keys of
   * `delete` existed. Once it has returned, a `readSince` or a `commitSince` sees the record, and every record before
   * it: a position is never passed by a record that appears later.
   */
  append(log: string, append: LogAppend, signal: AbortSignal): PromiseOr<number>

  /** What was appended after `position`; without one, no records: only where the log ends now. */
  readSince(log: string, position: string | undefined, signal: AbortSignal): PromiseOr<LogPage>

  /**
   * Where the log ends, and the values of the keys in their order. The position is read no later than the values: what
   * is appended meanwhile is after it.
   */
  readAt(
    log: string,
    keys: readonly string[],
    signal: AbortSignal,
  ): PromiseOr<{ readonly position: string; readonly values: readonly (string | undefined)[] }>

  /**
   * Writes those entries whose keys no record after `position` has set, deleted or covered by its prefix. None of them
   * when records are missing (a `gap`). Returns for each entry whether it was written.
   */
  commitSince(
    log: string,
    position: string,
    entries: readonly StoredEntry[],
    signal: AbortSignal,
  ): PromiseOr<readonly boolean[]>

  /** Counts a call of `cost` for all rules if each of them allows it, and otherwise for none. A cost of 0 only looks. */
  consume(rules: readonly LimitRule[], cost: number, signal: AbortSignal): PromiseOr<LimitVerdicts>

  /**
   * Optional: calls `onAppend` soon after any process has appended to the log, and whenever that may have happened unheard.
   * A hint only: without it, or where one is lost, the log is read from time to time. Returns what ends it.
   */
  listen?(log: string, onAppend: () => void): () => Promise<void>
}
