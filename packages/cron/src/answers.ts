import { toError } from '@msc/core'

/** A problem document (RFC 9457), which says nothing that only the operator should know. */
export function problem(status: number, title: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title, status }), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}

/** What a caller is told when a run could not be tried. */
export function notTried(error: unknown): Response {
  const { code, retryable } = toError(error) as { readonly code?: unknown; readonly retryable?: unknown }
  if (code === 'CRON_CLOSED') return problem(503, 'This server is shutting down', { 'retry-after': '5' })
  if (retryable === true) return problem(503, 'The job could not be started; try again', { 'retry-after': '5' })
  return problem(500, 'The job could not be started')
}
