import { MscError, backoff, readField, redact, toError } from '@msc/core'

/** What becomes of an entry after an attempt. */
export interface Outcome {
  readonly state: 'pending' | 'delivered' | 'parked'
  /** Milliseconds until it may be claimed again. */
  readonly delayMs: number
  /** Redacted. */
  readonly error?: string
  readonly errorCode?: string
  /** False for an attempt that was called off, and does not count. */
  readonly counts: boolean
}

export const DELIVERED: Outcome = { state: 'delivered', delayMs: 0, counts: true }
/** The outbox closes: the next process may take it at once. */
export const CALLED_OFF: Outcome = { state: 'pending', delayMs: 0, counts: false }

const BASE_MS = 1000
export const MOST_BACKOFF_MS = 300_000
const MOST_ERROR_CHARACTERS = 500

/**
 * Decides what becomes of an entry whose delivery has failed. A pure function but for `random`.
 *
 * @param attempt 1 for the first.
 */
export function verdictOf(error: unknown, attempt: number, random: () => number = Math.random): Outcome {
  const text = redact(toError(error).message)
  const code = MscError.isInstance(error) ? error.code : undefined
  const known = {
    counts: true,
    error: storable((typeof text === 'string' ? text : 'It failed.').slice(0, MOST_ERROR_CHARACTERS)),
    ...(code !== undefined && { errorCode: storable(code) }),
  }
  if (isFinal(error)) return { state: 'parked', delayMs: 0, ...known }
  const asked = Number(readField(error, 'retryAfterMs')) || 0
  const delayMs = Math.max(backoff(attempt - 1, { baseMs: BASE_MS, maxMs: MOST_BACKOFF_MS, random }), asked)
  return { state: 'pending', delayMs: Math.min(delayMs, MOST_BACKOFF_MS), ...known }
}

/** Postgres has no NUL in text: the outcomes of all that ended at the same time would be refused with this one. */
function storable(text: string): string {
  return text.replace(/[\0\p{Surrogate}]/gu, '\u{fffd}')
}

/**
 * Errors that would come again. Those of services that have been closed say only that this process ends, and the ids make it
 * safe to repeat what nobody knows the outcome of.
 */
function isFinal(error: unknown): boolean {
  if (!MscError.isInstance(error) || error.retryable) return false
  return !/(?:^|_)(?:CLOSED|CLOSING)$|^COMMIT_UNKNOWN$|^TRANSACTION_ABORTED$/.test(error.code)
}
