/** What decides when the next delivery begins. All times are of the monotonic clock. */
export interface Moment {
  readonly now: number
  /** When the queue has something that may be taken; `undefined` when it is empty. */
  readonly readyAt: number | undefined
  /** When what is waiting has waited for others long enough. */
  readonly dueAt: number
  /** Until when our own backoff lasts. */
  readonly retryAt: number
  /** Until when the backend wants to be left alone. */
  readonly heldUntil: number
  /** Of a flush or a close that is under way. */
  readonly budget?: { readonly until: number; readonly closing: boolean } | undefined
}

/** Less time than this is not worth a request, nor can it be divided. */
const LEAST_MS = 4
/** A wait that leaves less of the budget than this leaves no room for the request. */
const LONGEST_SHARE = 0.9

/**
 * When to send. `never` means that the budget ends before anything may be sent; without a budget there is always a time,
 * or nothing is waiting.
 */
export function nextDelivery({ now, readyAt, dueAt, retryAt, heldUntil, budget }: Moment): number | 'never' {
  if (readyAt === undefined) return 'never'
  if (!budget) return Math.max(readyAt, dueAt, retryAt, heldUntil)
  const left = budget.until - now
  if (left < LEAST_MS) return 'never'
  const fits = fitsWithin(heldUntil - now, left)
  // What is left after `flush` can be delivered later. After `close` it can't: asking too early is all that is left.
  if (!fits && !budget.closing) return 'never'
  const at = Math.max(readyAt, retryAt, fits ? heldUntil : 0)
  return at < budget.until ? at : 'never'
}

/** Until when may be waited within a budget. */
export function longestWait(now: number, budgetMs: number): number {
  return now + budgetMs * LONGEST_SHARE
}

/** Does a wait leave time for a request? What does not fit before a close ends is not waited for. */
export function fitsWithin(waitMs: number, left: number): boolean {
  return waitMs <= left * LONGEST_SHARE
}

/**
 * Milliseconds that one request may take, so that another can follow it within the budget. A backend that has not failed
 * may be slow rather than away, and gets most of it.
 *
 * @param failures Of the backend, in a row.
 */
export function requestTime(timeoutMs: number, left: number, failures: number): number {
  const share = failures === 0 ? 3 / 4 : 1 / 2
  return Math.min(timeoutMs, Math.floor(Math.max(0, left) * share))
}

/** Milliseconds to wait between two tries within a budget. */
export function waitWithin(waitMs: number, left: number): number {
  return Math.min(waitMs, Math.floor(Math.max(0, left) / 4))
}
