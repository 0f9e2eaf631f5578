import { toError } from '@msc/core'
import { problem } from '@msc/core/http-request'

/** What a caller is told when a run could not be tried; nothing that only the operator should know. */
export function notTried(error: unknown): Response {
  const { code, retryable } = toError(error) as { readonly code?: unknown; readonly retryable?: unknown }
  if (code === 'CRON_CLOSED') {
    return problem({ status: 503, title: 'This server is shutting down', code: 'CLOSING', retryAfterMs: 5000 })
  }
  if (retryable === true) {
    const title = 'The job could not be started; try again'
    return problem({ status: 503, title, code: 'NOT_STARTED', retryAfterMs: 5000 })
  }
  return problem({ status: 500, title: 'The job could not be started', code: 'INTERNAL' })
}
