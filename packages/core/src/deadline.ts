import { systemClock, type Clock } from './clock.ts'
import { DeadlineError } from './errors.ts'

export interface DeadlineOptions {
  /** Names the call in the error. */
  readonly operation: string
  /** Milliseconds. */
  readonly timeoutMs: number
  /** The caller's own signal; its abort ends the call with its reason. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
}

/**
 * Runs `call` with a signal that aborts at the deadline, and settles at the deadline even if `call` ignores it.
 * A late rejection of `call` is swallowed, so it can't become an unhandled one.
 *
 * @throws DeadlineError when the time is up; the caller's abort reason when that came first.
 */
export function deadline<T>(call: (signal: AbortSignal) => PromiseLike<T> | T, options: DeadlineOptions): Promise<T> {
  const { operation, timeoutMs, signal: outer, clock = systemClock } = options
  if (outer?.aborted) return Promise.reject(outer.reason as Error)
  return new Promise<T>((resolve, reject) => {
    const inner = new AbortController()
    const onOuterAbort = (): void => settle(() => reject(outer?.reason as Error), outer?.reason)
    const cancel = clock.setTimeout(() => {
      const error = new DeadlineError(operation, timeoutMs)
      settle(() => reject(error), error)
    }, timeoutMs)
    outer?.addEventListener('abort', onOuterAbort, { once: true })

    let settled = false
    function settle(finish: () => void, abortReason?: unknown): void {
      if (settled) return
      settled = true
      cancel()
      outer?.removeEventListener('abort', onOuterAbort)
      finish()
      if (abortReason !== undefined) inner.abort(abortReason)
    }

    try {
      Promise.resolve(call(inner.signal)).then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error as Error)),
      )
    } catch (error) {
      settle(() => reject(error as Error))
    }
  })
}
