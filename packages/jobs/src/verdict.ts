import { MscError, backoff as fullJitter, isError, toError } from '@msc/core'
import type { Failure, NonRetriableError, RetryAfterError, StepError } from './errors.ts'

export type Verdict = { readonly retryInMs: number } | { readonly final: true }

/**
 * What follows from a failed attempt. `failed` counts attempts including this one.
 *
 * A StepError has used its own attempts and a NonRetriableError says so itself: neither is tried again.
 */
export function judge(
  error: unknown,
  failed: number,
  job: { readonly attempts: number; readonly backoff: ((attempt: number) => number) | undefined },
  random: () => number = Math.random,
): Verdict {
  if (isNonRetriable(error) || isStepError(error) || failed >= job.attempts) return { final: true }
  if (MscError.isInstance(error) && error.code === 'JOB_RETRY_AFTER') {
    return { retryInMs: Math.max(0, (error as RetryAfterError).retryAfterMs) }
  }
  const ms = job.backoff
    ? job.backoff(failed)
    : 500 + fullJitter(failed - 1, { baseMs: 1000, maxMs: 3_600_000, random })
  return { retryInMs: Math.max(0, ms) }
}

function isNonRetriable(error: unknown): error is NonRetriableError {
  return MscError.isInstance(error) && (error.code === 'JOB_NON_RETRIABLE' || error.code === 'JOB_TIMED_OUT')
}

/** Not by its class: a bundler may include the package twice. */
export function isStepError(error: unknown): error is StepError {
  return MscError.isInstance(error) && error.code === 'JOB_STEP_FAILED'
}

export function toFailure(error: unknown): Failure {
  if (!isError(error)) return { name: 'Error', message: textOf(error) }
  return { name: error.name, message: error.message, ...(error.stack && { stack: error.stack }) }
}

/** What is thrown may refuse to be text. */
function textOf(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return toError(thrown).message
  }
}
