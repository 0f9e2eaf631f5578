import { systemClock, type Clock } from './clock.ts'
import { DeadlineError } from '../errors/errors.ts'
import { failureSlot, type GuardedCall } from '../errors/failure-slot.ts'

export interface DeadlineOptions {
  /** Names the call in the error. */
  readonly operation: string
  /** Milliseconds. */
  readonly timeoutMs: number
  /** The caller's own signal. When it aborts, the call rejects with its reason. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
  /**
   * Called with errors that listeners of the guarded signal throw. Default: they are reported like any failure that nobody
   * awaits.
   */
  readonly report?: GuardedCall['report']
}

/**
 * Runs `call` with a signal that aborts at the deadline, and settles at the deadline even if `call` ignores the signal.
 * It keeps the process alive until then, since a caller is waiting. A later rejection of `call` is ignored, so that it
 * can't become an unhandled one. An error that a listener of the signal throws is reported if `guardSignals` was called
 * before, as `createService` and `createBreaker` do; otherwise it ends a Node process.
 *
 * @throws DeadlineError when the time is up, or the reason of the caller's signal if that aborts first.
 */
export function deadline<T>(call: (signal: AbortSignal) => PromiseLike<T> | T, options: DeadlineOptions): Promise<T> {
  const { operation, timeoutMs, signal: outer, clock = systemClock } = options
  return new Promise<T>((resolve, reject) => {
    outer?.throwIfAborted()
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
    // A synchronous throw of `call` rejects too. After `giveUp` the outcome is ignored.
    new Promise<T>((settle) => settle(call(failureSlot().guard?.(inner.signal, options) ?? inner.signal)))
      .finally(stop)
      .then(resolve, reject)
  })
}
