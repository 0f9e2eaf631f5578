import { systemClock, type Clock } from './clock.ts'
import { DeadlineError } from '../errors/errors.ts'
import { failureSlot, type GuardedCall } from '../errors/failure-slot.ts'

export interface DeadlineOptions {
  /** Names the call in the error. */
  readonly operation: string
  /** Milliseconds. */
  readonly timeoutMs: number
  /** The caller's own signal; its abort ends the call with its reason. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock
  /** Told of what a listener of the guarded signal throws; default: reported like any failure that nobody awaits. */
  readonly report?: GuardedCall['report']
}

/**
 * Runs `call` with a signal that aborts at the deadline, and settles at the deadline even if `call` ignores it: the
 * process is kept alive until then, since somebody waits.
 * A late rejection of `call` is swallowed, so it can't become an unhandled one. What a listener of the signal throws is
 * reported once `guardSignals` was called, as `createService` and `createBreaker` do; before that it ends a Node process.
 *
 * @throws DeadlineError when the time is up; the caller's abort reason when that came first.
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
    // What `call` throws rejects like what it returns; once given up, either is ignored.
    new Promise<T>((settle) => settle(call(failureSlot().guard?.(inner.signal, options) ?? inner.signal)))
      .finally(stop)
      .then(resolve, reject)
  })
}
