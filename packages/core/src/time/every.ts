import { systemClock, type CancelTimer, type Clock } from './clock.ts'
import { runGuarded, runReported } from '../errors/failures.ts'
import { withoutScope } from '../context/context.ts'

export interface EveryOptions {
  readonly clock?: Clock
  /** Told of what `fn` throws or rejects with; the next turn comes all the same, whatever `onError` does. */
  readonly onError: (error: unknown) => void
}

/**
 * Calls `fn` each `ms` on the given clock until it is cancelled. The timer keeps no process alive. A turn begins `ms`
 * after the last one began, and never before that one's synchronous part has ended.
 */
export function every(ms: number, fn: () => unknown, options: EveryOptions): CancelTimer {
  const { clock = systemClock, onError } = options
  let cancelled = false
  let cancel: CancelTimer
  const turn = (): void => {
    cancel = clock.setTimeout(turn, ms)
    runGuarded(fn, (error) => runReported(() => onError(error), { concern: 'core', operation: 'onError' }))
    // It may have been cancelled from within.
    if (cancelled) cancel()
  }
  // It goes on for longer than the request that may have begun it.
  cancel = withoutScope(() => clock.setTimeout(turn, ms))
  return () => {
    cancelled = true
    cancel()
  }
}
