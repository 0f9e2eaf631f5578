/** The times that decide when the next delivery begins, by the monotonic clock. */
export interface Moment {
  readonly now: number
  /** When an entry may be taken from the queue; `undefined` when it is empty. */
  readonly readyAt: number | undefined
  /** When the waiting entries have waited for others long enough. */
  readonly dueAt: number
  /** The end of the outbox's own backoff. */
  readonly retryAt: number
  /** The end of the pause that the backend asked for. */
  readonly heldUntil: number
  /** The budget of a running flush or close. */
  readonly budget?: { readonly until: number; readonly closing: boolean } | undefined
}

/** With fewer milliseconds than this left, a request is not worth a try. */
const LEAST_MS = 4
/** The largest share of a budget that a wait may take and still leave time for a request. */
const LONGEST_SHARE = 0.9

/**
 * Returns when to send. `never` means that the budget ends before anything may be sent; without a budget it means that
 * nothing is waiting.
 */
export function nextDelivery({ now, readyAt, dueAt, retryAt, heldUntil, budget }: Moment): number | 'never' {
  if (readyAt === undefined) return 'never'
  if (!budget) return Math.max(readyAt, dueAt, retryAt, heldUntil)
  const left = budget.until - now
  if (left < LEAST_MS) return 'never'
  const fits = fitsWithin(heldUntil - now, left)
  // The rest after a flush can be delivered later. After a close it can't, so an early request is the only chance left.
  if (!fits && !budget.closing) return 'never'
  const at = Math.max(readyAt, retryAt, fits ? heldUntil : 0)
  return at < budget.until ? at : 'never'
}

/** Returns the time until which to wait at most within a budget. */
export function longestWait(now: number, budgetMs: number): number {
  return now + budgetMs * LONGEST_SHARE
}

/** Says whether a wait leaves time for a request. A close skips waits that do not. */
export function fitsWithin(waitMs: number, left: number): boolean {
  return waitMs <= left * LONGEST_SHARE
}

/**
 * Returns the milliseconds that one request may take so that another can follow within the budget. A backend that has not
 * failed may just be slow, so it gets most of the budget.
 *
 * @param failures The number of the backend's failures in a row.
 */
export function requestTime(timeoutMs: number, left: number, failures: number): number {
  const share = failures === 0 ? 3 / 4 : 1 / 2
  return Math.min(timeoutMs, Math.floor(Math.max(0, left) * share))
}

/** Returns the milliseconds to wait between two tries within a budget. */
export function waitWithin(waitMs: number, left: number): number {
  return Math.min(waitMs, Math.floor(Math.max(0, left) / 4))
}
