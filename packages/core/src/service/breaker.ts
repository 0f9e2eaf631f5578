import { createBreakerState, type BreakerDecisions, type BreakerState } from './breaker-state.ts'
import { systemClock, type Clock } from '../time/clock.ts'
import { UnavailableError, readField } from '../errors/errors.ts'
import { runReported } from '../errors/failures.ts'
import { guardSignals } from '../time/guard-signal.ts'

export type { BreakerState }

export interface BreakerOptions {
  /** Named in the error while open. */
  readonly name: string
  /** Failures in a row that open it. Default 5. */
  readonly threshold?: number
  /** Milliseconds it stays open before one call may probe. Default 5 000. */
  readonly cooldownMs?: number
  readonly clock?: Clock
  /** Told of each change; what it throws is reported, and decides nothing. */
  readonly onChange?: (state: BreakerState) => void
}

/**
 * Stops calling a backend that keeps failing, and lets one call at a time probe it after a cool-down.
 * Use `tryAcquire`/`succeed`/`fail` on a hot path, `run` elsewhere.
 */
export interface Breaker extends Omit<BreakerDecisions, 'failures'> {
  /** @throws UnavailableError without calling when open. */
  run<T>(call: () => Promise<T>): Promise<T>
}

export function createBreaker(options: BreakerOptions): Breaker {
  const { name, threshold = 5, cooldownMs = 5000, clock = systemClock, onChange } = options
  // What a breaker judges are calls of drivers and ports, which are the application's code too.
  guardSignals()
  const decisions = createBreakerState({
    threshold,
    cooldownMs,
    clock,
    onChange(state) {
      if (onChange) runReported(() => onChange(state), { concern: 'core', operation: 'breaker' })
    },
  })
  const { tryAcquire, succeed, fail } = decisions
  return {
    get state() {
      return decisions.state
    },
    tryAcquire,
    succeed,
    fail,
    async run(call) {
      if (!tryAcquire()) {
        throw new UnavailableError(`${name} is not called: it failed ${decisions.failures} times in a row.`, {
          code: 'BREAKER_OPEN',
          hint: `It is probed again at most ${cooldownMs} ms after the last failure.`,
        })
      }
      try {
        const value = await call()
        succeed()
        return value
      } catch (error) {
        // A refusal that a retry can't mend is at least an answer.
        if (readField(error, 'retryable') === false) succeed()
        else fail()
        throw error
      }
    },
  }
}
