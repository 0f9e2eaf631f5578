import { MscError, isValidationError, readField } from '@msc/core'
import type { ProblemOptions } from '@msc/core/http-request'

export { problem, type ProblemOptions } from '@msc/core/http-request'

/** Milliseconds after which a client tries again when a backend is away and nobody knows for how long. */
const AWAY_MS = 5000

/**
 * Returns the problem document that a client gets for `error`: 422 for invalid input, 429 for a queue that is full, 503 for
 * a backend that is away, both with `Retry-After`, and for everything else a 500 that says nothing but the trace id to quote. A `ValidationError` names what is wrong
 * with a value, so pass one only when the value is the client's.
 */
export function problemFrom(error: unknown, traceId?: string): ProblemOptions {
  if (isValidationError(error)) {
    const { code, issues } = error
    return { title: 'The request is not valid', status: 422, code, extensions: { issues, traceId } }
  }
  if (MscError.isInstance(error) && error.retryable) {
    const { code } = error
    const asked = readField(error, 'retryAfterMs')
    const retryAfterMs = typeof asked === 'number' && asked > 0 && asked < Infinity ? asked : AWAY_MS
    if (code === 'PASSWORDS_BUSY') {
      return { title: 'Too many sign-ins at once', status: 429, code, retryAfterMs, extensions: { traceId } }
    }
    const detail = 'Try again shortly.'
    return { title: 'A service is away', status: 503, code, detail, retryAfterMs, extensions: { traceId } }
  }
  return { title: 'Something went wrong', status: 500, code: 'INTERNAL', extensions: { traceId } }
}
