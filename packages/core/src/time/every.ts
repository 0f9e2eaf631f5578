import { systemClock, type CancelTimer, type Clock } from './clock.ts'
import { runGuarded, runReported } from '../errors/failures.ts'
import { withoutScope } from '../context/context.ts'

export interface EveryOptions {
  readonly clock?: Clock
  /** Called with the errors of `fn`, thrown or rejected. The interval goes on, even if `onError` throws. */
  readonly onError: (error: unknown) => void
}

/**
 * Calls `fn` every `ms` milliseconds until it is cancelled. The timer does not keep the process alive. Each call begins
 * `ms` after the previous one began, but never before that one's synchronous part has ended.
 */
export function every(ms: number, fn: () => unknown, options: EveryOptions): CancelTimer {
  const { clock = systemClock, onError } = options
  let cancelled = false
  let cancel: CancelTimer
  const turn = (): void => {
    cancel = clock.setTimeout(turn, ms)
    runGuarded(fn, (error) => runReported(() => onError(error), { concern: 'core', operation: 'onError' }))
    // `fn` may have cancelled the interval.
    if (cancelled) cancel()
  }
  // The interval may outlive the request that started it.
  cancel = withoutScope(() => clock.setTimeout(turn, ms))
  return () => {
    cancelled = true
    cancel()
  }
}
