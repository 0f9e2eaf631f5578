import { MscError, isValidationError } from '@msc/core'
import type { ProblemOptions } from '@msc/core/http-request'

export { problem, type ProblemOptions } from '@msc/core/http-request'

/**
 * The problem that `error` is to a client: 422 for input that is not valid, 503 for a backend that is away, and for
 * everything else a 500 that says nothing but the trace id to quote. A `ValidationError` names what was wrong with a value:
 * pass one only where that value is the client's.
 */
export function problemFrom(error: unknown, traceId?: string): ProblemOptions {
  if (isValidationError(error)) {
    const { code, issues } = error
    return { title: 'The request is not valid', status: 422, code, extensions: { issues, traceId } }
  }
  if (MscError.isInstance(error) && error.retryable) {
    const { code } = error
    return { title: 'A service is away', status: 503, code, detail: 'Try again shortly.', extensions: { traceId } }
  }
  return { title: 'Something went wrong', status: 500, code: 'INTERNAL', extensions: { traceId } }
}
