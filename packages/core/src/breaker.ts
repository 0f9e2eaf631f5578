import { systemClock, type Clock } from './clock.ts'
import { UnavailableError, readField } from './errors.ts'
import { runReported } from './failures.ts'

export type BreakerState = 'closed' | 'open' | 'half-open'

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
export interface Breaker {
  readonly state: BreakerState
  /** May a call be made now? A true in `half-open` reserves the probe: settle it with `succeed` or `fail`. */
  tryAcquire(): boolean
  succeed(): void
  fail(): void
  /** @throws UnavailableError without calling when open. */
  run<T>(call: () => Promise<T>): Promise<T>
}

export function createBreaker(options: BreakerOptions): Breaker {
  const { name, threshold = 5, cooldownMs = 5000, clock = systemClock, onChange } = options
  let state: BreakerState = 'closed'
  let failures = 0
  let openedAt = 0
  let probing = false

  const move = (next: BreakerState): void => {
    if (state === next) return
    state = next
    if (onChange) runReported(() => onChange(next), { concern: 'core', operation: 'breaker' })
  }
  const current = (): BreakerState => {
    if (state === 'open' && clock.monotonic() - openedAt >= cooldownMs) move('half-open')
    return state
  }
  const breaker: Breaker = {
    get state() {
      return current()
    },
    tryAcquire() {
      if (state === 'closed') return true
      if (current() !== 'half-open' || probing) return false
      probing = true
      return true
    },
    succeed() {
      failures = 0
      probing = false
      move('closed')
    },
    fail() {
      failures += 1
      if (!probing && failures < threshold) return
      probing = false
      openedAt = clock.monotonic()
      move('open')
    },
    async run(call) {
      if (!breaker.tryAcquire()) {
        throw new UnavailableError(`${name} is not called: it failed ${failures} times in a row.`, {
          code: 'BREAKER_OPEN',
          hint: `It is probed again at most ${cooldownMs} ms after the last failure.`,
        })
      }
      try {
        const value = await call()
        breaker.succeed()
        return value
      } catch (error) {
        // A refusal that a retry can't mend is at least an answer.
        if (readField(error, 'retryable') === false) breaker.succeed()
        else breaker.fail()
        throw error
      }
    },
  }
  return breaker
}
