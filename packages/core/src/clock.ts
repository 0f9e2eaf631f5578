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
    // What is no number has no time to wait for.
    const wait = ms > 0 ? ms : 0
    return wait > LONGEST_MS ? inSlices(fn, wait, options) : platformTimer(fn, wait, options)
  },
}

function platformTimer(fn: () => void, ms: number, options: TimerOptions | undefined): CancelTimer {
  const timer: unknown = setTimeout(fn, ms)
  // Node's timers hold the process open; browsers and workers return a number.
  if (!options?.keepAlive && typeof timer === 'object' && timer !== null && 'unref' in timer) {
    ;(timer as { unref(): void }).unref()
  }
  return () => clearTimeout(timer as ReturnType<typeof setTimeout>)
}

/** Several timers, one after the other, measured by the monotonic clock so that their delays don't add up. */
function inSlices(fn: () => void, ms: number, options: TimerOptions | undefined): CancelTimer {
  const due = systemClock.monotonic() + ms
  let cancel: CancelTimer
  const arm = (): void => {
    const left = due - systemClock.monotonic()
    cancel = left > LONGEST_MS ? platformTimer(arm, LONGEST_MS, options) : platformTimer(fn, Math.max(0, left), options)
  }
  arm()
  return () => cancel()
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
