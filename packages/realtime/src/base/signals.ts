import type { CancelTimer, Clock } from '@msc/core'

/** A signal that a timer ends, and how the timer is cancelled. */
export interface Timed {
  readonly signal: AbortSignal
  readonly cancel: CancelTimer
}

// Core's clock is not imported: what a page loads late may use nothing of core that it loads first.
const timers: Pick<Clock, 'setTimeout'> = {
  setTimeout(fn, ms) {
    // What is longer would end at once.
    const timer: unknown = setTimeout(fn, Math.min(ms, 2 ** 31 - 1))
    ;(timer as { unref?: () => void }).unref?.()
    return () => clearTimeout(timer as number)
  },
}

/**
 * Does what `AbortSignal.any([outer, AbortSignal.timeout(ms)])` does, which Safari has since 17.4. Call `cancel` when the
 * work is done: it lets go of `outer` and of the timer.
 */
export function inTime(ms: number, outer?: AbortSignal, clock: Pick<Clock, 'setTimeout'> = timers): Timed {
  const inner = new AbortController()
  const onAbort = (): void => inner.abort(outer?.reason)
  const stop = clock.setTimeout(() => inner.abort(new DOMException('It took too long.', 'TimeoutError')), ms)
  if (outer?.aborted) onAbort()
  outer?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: inner.signal,
    cancel() {
      stop()
      outer?.removeEventListener('abort', onAbort)
    },
  }
}

/** Calls `use` with a signal that ends after `ms` milliseconds, or with `outer`. What it does with the signal is its own. */
export async function within<T>(
  ms: number,
  outer: AbortSignal | undefined,
  use: (signal: AbortSignal) => Promise<T>,
  clock?: Pick<Clock, 'setTimeout'>,
): Promise<T> {
  const { signal, cancel } = inTime(ms, outer, clock)
  return use(signal).finally(cancel)
}

/** Resolves after `ms` milliseconds, or as soon as the signal ends. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { signal: over, cancel } = inTime(ms, signal)
  return new Promise<void>((resolve) => {
    if (over.aborted) resolve()
    over.addEventListener('abort', () => resolve(), { once: true })
  }).then(cancel)
}
