export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerStateOptions {
  /** Failures in a row that open it. */
  readonly threshold: number
  /** Milliseconds that it stays open before one call may probe the backend. */
  readonly cooldownMs: number
  readonly clock: { monotonic(): number }
  /** Called on each change of state. */
  readonly onChange: (state: BreakerState) => void
}

/** A breaker's decisions without its errors. This file imports nothing, so that a page can load it late and on its own. */
export interface BreakerDecisions {
  readonly state: BreakerState
  /** Failures in a row. */
  readonly failures: number
  /** Says whether a call may be made now. In `half-open`, `true` reserves the probe: settle it with `succeed` or `fail`. */
  tryAcquire(): boolean
  succeed(): void
  fail(): void
}

export function createBreakerState(options: BreakerStateOptions): BreakerDecisions {
  const { threshold, cooldownMs, clock, onChange } = options
  let state: BreakerState = 'closed'
  let failures = 0
  let openedAt = 0
  let probing = false

  const move = (next: BreakerState): void => {
    if (state === next) return
    state = next
    onChange(next)
  }
  const current = (): BreakerState => {
    if (state === 'open' && clock.monotonic() - openedAt >= cooldownMs) move('half-open')
    return state
  }
  return {
    get state() {
      return current()
    },
    get failures() {
      return failures
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
  }
}
