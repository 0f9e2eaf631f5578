/** Cancels a timer; harmless when it has fired. */
export type CancelTimer = () => void

export interface TimerOptions {
  /** Keeps the process alive until the timer fires or is cancelled, where there is a process. Default false. */
  readonly keepAlive?: boolean
}

/**
 * Time, passed in so that tests need no waiting.
 *
 * `now` is wall time (milliseconds since the epoch) and may jump; `monotonic` never goes back and is for durations.
 */
export interface Clock {
  now(): number
  monotonic(): number
  /** Runs `fn` once after `ms`, however long that is. */
  setTimeout(fn: () => void, ms: number, options?: TimerOptions): CancelTimer
}

/** The longest that a platform's timer can wait, 24.8 days: a longer one fires at once. */
const LONGEST_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(fn, ms, options) {
    let timer: ReturnType<typeof setTimeout>
    const due = performance.now() + ms
    // What is longer than the longest is several timers; measured from the start, so that their delays don't add up.
    const arm = (left: number): void => {
      timer = setTimeout(left > LONGEST_MS ? () => arm(due - performance.now()) : fn, Math.min(left, LONGEST_MS))
      // Node's timers hold the process open; browsers and workers return a number.
      if (!options?.keepAlive) (timer as { unref?: () => void }).unref?.()
    }
    // What is no number has no time to wait for.
    arm(ms > 0 ? ms : 0)
    return () => clearTimeout(timer)
  },
}

/**
 * Resolves after `ms`, or rejects with the signal's reason; leaves no timer or listener behind. A process with nothing else
 * to do ends meanwhile, unless `keepAlive`.
 */
export function sleep(
  ms: number,
  options: TimerOptions & { readonly clock?: Clock; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { clock = systemClock, signal } = options
  return new Promise((resolve, reject) => {
    // Thrown here it rejects.
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
