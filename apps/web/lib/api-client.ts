import { formatTraceparent, newTrace } from '@msc/core'

export interface ApiProblem {
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly issues?: readonly { readonly message: string; readonly path: string }[]
}

export type ApiResult<T> =
  | { readonly ok: true; readonly data: T; readonly traceId: string }
  | { readonly ok: false; readonly problem: ApiProblem }

interface ApiOptions {
  readonly signal?: AbortSignal
  /** Names what is sent in all attempts, so that two of them do it once (`Idempotency-Key`). */
  readonly key?: string | undefined
  /** Nobody has asked for this call, so it never leads to another page. */
  readonly background?: boolean
}

/**
 * Begins a trace for a click; the server, its jobs and the resulting message continue it. Whoever has been signed out in
 * the meantime is sent to the sign-in page, and comes back to this page from there.
 */
export async function api<T>(
  path: string,
  body?: unknown,
  { signal, key, background = false }: ApiOptions = {},
): Promise<ApiResult<T>> {
  const trace = newTrace()
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: {
        traceparent: formatTraceparent(trace),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([AbortSignal.timeout(15_000), ...(signal ? [signal] : [])]),
    })
    const data: unknown = response.status === 204 ? undefined : await response.json()
    if (response.ok) return { ok: true, data: data as T, traceId: trace.traceId }
    if (!background && (data as { code?: string }).code === 'UNAUTHENTICATED') signInFirst()
    return { ok: false, problem: data as ApiProblem }
  } catch {
    return {
      ok: false,
      problem: { title: 'The server could not be reached', detail: 'Check your connection and try again.', status: 0 },
    }
  }
}

function signInFirst(): void {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`)
}
