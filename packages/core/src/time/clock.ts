/** Cancels a timer. Does nothing if it has fired. */
export type CancelTimer = () => void

export interface TimerOptions {
  /** Keeps a Node process alive until the timer fires or is cancelled. Default false. */
  readonly keepAlive?: boolean
}

/**
 * A source of time, which is passed in so that tests need not wait.
 *
 * `now` is wall time in milliseconds since the epoch and may jump. `monotonic` never goes back; use it for durations.
 */
export interface Clock {
  now(): number
  monotonic(): number
  /** Runs `fn` once after `ms`, however long that is. */
  setTimeout(fn: () => void, ms: number, options?: TimerOptions): CancelTimer
}

/** The longest delay of a platform's timer, 24.8 days: a timer with a longer one fires at once. */
const LONGEST_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms, options) {
    let timer: ReturnType<typeof setTimeout>
    const due = performance.now() + ms
    // A longer delay takes several timers. Each is measured from the start, so that their lateness does not add up.
    const arm = (left: number): void => {
      timer = setTimeout(left > LONGEST_MS ? () => arm(due - performance.now()) : fn, Math.min(left, LONGEST_MS))
      // Node's timers hold the process open; browsers and workers return a number.
      if (!options?.keepAlive) (timer as { unref?: () => void }).unref?.()
    }
    // NaN and negative numbers fire at once.
    arm(ms > 0 ? ms : 0)
    return () => clearTimeout(timer)
  },
}

/**
 * Resolves after `ms` milliseconds, or rejects with the signal's reason. Leaves no timer or listener behind. A process
 * with nothing else to do may exit meanwhile, unless `keepAlive` is set.
 */
export function sleep(
  ms: number,
  options: TimerOptions & { readonly clock?: Clock; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { clock = systemClock, signal } = options
  return new Promise((resolve, reject) => {
    // Inside the executor, a throw rejects the promise.
    signal?.throwIfAborted()
    const onAbort = (): void => {
      cancel()
      reject(signal?.reason as Error)
    }
    const cancel = clock.setTimeout(
      () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      },
      ms,
      options,
    )
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
