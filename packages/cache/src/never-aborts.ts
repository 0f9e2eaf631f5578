let signal: AbortSignal | undefined

/**
 * A signal from which nothing is to be heard; the same each time. Not made at import: workers allow no controller
 * outside a request.
 */
export function neverAborts(): AbortSignal {
  return (signal ??= new AbortController().signal)
}
