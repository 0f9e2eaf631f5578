/** Cancels a timer; harmless when it has fired. */
export type CancelTimer = () => void

/**
 * Time, passed in so that tests need no waiting.
 *
 * `now` is wall time (milliseconds since the epoch) and may jump; `monotonic` never goes back and is for durations.
 */
export interface Clock {
  now(): number
  monotonic(): number
  /** Runs `fn` once after `ms`. The timer keeps no process alive. */
  setTimeout(fn: () => void, ms: number): CancelTimer
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms) {
    const timer: unknown = setTimeout(fn, ms)
    // Node's timers hold the process open; browsers and workers return a number.
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
    return () => clearTimeout(timer as ReturnType<typeof setTimeout>)
  },
}

/** Resolves after `ms`, or rejects with the signal's reason; leaves no timer or listener behind. */
export function sleep(ms: number, options: { clock?: Clock; signal?: AbortSignal } = {}): Promise<void> {
  const { clock = systemClock, signal } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error)
      return
    }
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
