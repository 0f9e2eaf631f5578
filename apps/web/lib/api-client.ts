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

/** Begins a trace for a click; the server, its jobs and the resulting message continue it. */
export async function api<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<ApiResult<T>> {
  const trace = newTrace()
  try {
    const response = await fetch(path, {
      method: 'POST',
      headers: {
        traceparent: formatTraceparent(trace),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([AbortSignal.timeout(15_000), ...(signal ? [signal] : [])]),
    })
    const data: unknown = response.status === 204 ? undefined : await response.json()
    if (!response.ok) return { ok: false, problem: data as ApiProblem }
    return { ok: true, data: data as T, traceId: trace.traceId }
  } catch {
    return {
      ok: false,
      problem: { title: 'The server could not be reached. Check your connection and try again.', status: 0 },
    }
  }
}
