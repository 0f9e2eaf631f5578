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
 * Runs `call` with a signal that aborts at the deadline, and settles at the deadline even if `call` ignores it: the
 * process is kept alive until then, since somebody waits.
 * A late rejection of `call` is swallowed, so it can't become an unhandled one.
 *
 * @throws DeadlineError when the time is up; the caller's abort reason when that came first.
 */
export function deadline<T>(call: (signal: AbortSignal) => PromiseLike<T> | T, options: DeadlineOptions): Promise<T> {
  const { operation, timeoutMs, signal: outer, clock = systemClock } = options
  if (outer?.aborted) return Promise.reject(outer.reason as Error)
  return new Promise<T>((resolve, reject) => {
    const inner = new AbortController()
    const stop = (): void => {
      cancel()
      outer?.removeEventListener('abort', onOuterAbort)
    }
    const giveUp = (reason: unknown): void => {
      stop()
      reject(reason as Error)
      inner.abort(reason)
    }
    const onOuterAbort = (): void => giveUp(outer?.reason)
    const cancel = clock.setTimeout(() => giveUp(new DeadlineError(operation, timeoutMs)), timeoutMs, {
      keepAlive: true,
    })
    outer?.addEventListener('abort', onOuterAbort, { once: true })
    // What `call` throws rejects like what it returns; once given up, either is ignored.
    new Promise<T>((settle) => settle(call(inner.signal))).finally(stop).then(resolve, reject)
  })
}
