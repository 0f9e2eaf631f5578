import { assertNumbers } from '../contract/options/assert-numbers.ts'
import { createBreakerState, type BreakerDecisions, type BreakerState } from './breaker-state.ts'
import { systemClock, type Clock } from '../time/clock.ts'
import { UnavailableError, readField } from '../errors/errors.ts'
import { runReported } from '../errors/failures.ts'
import { guardSignals } from '../time/guard-signal.ts'

export type { BreakerState }

export interface BreakerOptions {
  /** Named in the error that callers get while the breaker is open. */
  readonly name: string
  /** Failures in a row that open it. Default 5. */
  readonly threshold?: number
  /** Milliseconds that it stays open before one call may probe the backend. Default 5 000. */
  readonly cooldownMs?: number
  readonly clock?: Clock
  /** Called on each change of state. An error that it throws is reported and does not affect the breaker. */
  readonly onChange?: (state: BreakerState) => void
}

/**
 * Stops calls to a backend that keeps failing. After a cool-down it lets one call at a time probe the backend.
 * Use `tryAcquire`, `succeed` and `fail` on a hot path, `run` elsewhere.
 */
export interface Breaker extends Omit<BreakerDecisions, 'failures'> {
  /** @throws UnavailableError `BREAKER_OPEN`, without making the call, while the breaker is open. */
  run<T>(call: () => Promise<T>): Promise<T>
}

export function createBreaker(options: BreakerOptions): Breaker {
  assertNumbers('core', options, { threshold: 1, cooldownMs: 0 })
  const { name, threshold = 5, cooldownMs = 5000, clock = systemClock, onChange } = options
  // A breaker's calls go to drivers and ports, which may be the application's code.
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
        throw new UnavailableError(`${name} was not called: it failed ${decisions.failures} times in a row.`, {
          code: 'BREAKER_OPEN',
          hint: `Try again later: the backend is probed at most ${cooldownMs} ms after the last failure.`,
        })
      }
      try {
        const value = await call()
        succeed()
        return value
      } catch (error) {
        // A non-retryable refusal is still an answer: the backend is up.
        if (readField(error, 'retryable') === false) succeed()
        else fail()
        throw error
      }
    },
  }
}
