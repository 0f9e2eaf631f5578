import { MscError } from '@msc/core'

/** Trying again would change nothing: the run fails at once, and what it did is rolled back. */
export class NonRetriableError extends MscError {
  constructor(message: string, options: { readonly cause?: unknown } = {}) {
    super(message, { code: 'JOB_NON_RETRIABLE', ...options })
  }
}

/** Try again, but not before `retryAfterMs` from now. */
export class RetryAfterError extends MscError {
  readonly retryAfterMs: number
  constructor(message: string, retryAfterMs: number, options: { readonly cause?: unknown } = {}) {
    super(message, { code: 'JOB_RETRY_AFTER', retryable: true, ...options })
    this.retryAfterMs = retryAfterMs
  }
}

/** The run has taken longer than its `timeout`. It fails for good, and what it did is rolled back. */
export class JobTimeoutError extends MscError {
  constructor(job: string, timeoutMs: number) {
    super(`[msc/jobs] ${job} has taken longer than its timeout of ${timeoutMs} ms.`, { code: 'JOB_TIMED_OUT' })
  }
}

/** What a handler sees of a step whose attempts are used up. Not retried again if it escapes the handler. */
export class StepError extends MscError {
  readonly stepId: string
  constructor(stepId: string, failure: Failure) {
    super(failure.message, { code: 'JOB_STEP_FAILED', cause: failure })
    this.stepId = stepId
    this.name = failure.name
  }
}

/** An error as it is stored. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}
