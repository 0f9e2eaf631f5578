/**
 * Does what `AbortSignal.any` does, also where it is missing, as in the edge runtime of Next.js: returns a signal that aborts
 * with the first of the given ones, and its reason. The signal is new, so it has none of their guards.
 */
export function anySignal(...signals: readonly AbortSignal[]): AbortSignal {
  const native = (AbortSignal as Partial<Pick<typeof AbortSignal, 'any'>>).any
  if (native) return native.call(AbortSignal, [...signals])
  const first = new AbortController()
  for (const signal of signals) {
    const end = (): void => first.abort(signal.reason)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true, signal: first.signal })
  }
  return first.signal
}
