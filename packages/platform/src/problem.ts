import { MscError, isValidationError, type ValidationIssue } from '@msc/core'

/** A problem document, RFC 9457. */
export interface Problem {
  readonly type?: string
  readonly title: string
  readonly status: number
  /** What went wrong this time, for a person. Never contains a secret or a stack. */
  readonly detail?: string
  /** Stable and machine-readable. */
  readonly code?: string
  readonly issues?: readonly ValidationIssue[]
  readonly traceId?: string
}

/** A response of type `application/problem+json`. */
export function problem(body: Problem, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', ...body }), {
    status: body.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}

/**
 * Returns the problem document that a client gets for `error`: 422 for invalid input, 503 for a backend that is away,
 * and for everything else a 500 that says nothing but the trace id to quote. A `ValidationError` names what is wrong
 * with a value, so pass one only when the value is the client's.
 */
export function problemFrom(error: unknown, traceId?: string): Problem {
  const trace = traceId === undefined ? {} : { traceId }
  if (isValidationError(error)) {
    const { code, issues } = error
    return { title: 'The request is not valid', status: 422, code, issues, ...trace }
  }
  if (MscError.isInstance(error) && error.retryable) {
    return { title: 'A service is away', status: 503, code: error.code, detail: 'Try again shortly.', ...trace }
  }
  return { title: 'Something went wrong', status: 500, code: 'INTERNAL', ...trace }
}
