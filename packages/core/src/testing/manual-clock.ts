import type { Clock } from '../time/clock.ts'

export interface ManualClock extends Clock {
  /** Advances wall and monotonic time by `ms`, fires due timers in order, and lets promises settle between them. */
  advance(ms: number): Promise<void>
  /** The number of pending timers. */
  readonly pending: number
  /** The time by `now()` at which the first timer is due; `undefined` if there is none. */
  readonly nextAt: number | undefined
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

/**
 * Creates a clock that stands still until it is advanced. `now()` starts at `startMs` (default 1 700 000 000 000),
 * `monotonic()` at 0.
 */
export function createManualClock(startMs = 1_700_000_000_000): ManualClock {
  let elapsed = 0
  let order = 0
  const timers = new Set<Timer>()
  const due = (limit: number): Timer | undefined => {
    let next: Timer | undefined
    for (const timer of timers) {
      if (timer.at > limit) continue
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
    }
    return next
  }
  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    setTimeout(fn, ms) {
      const timer: Timer = { at: elapsed + Math.max(0, ms), order: order++, fn }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    get pending() {
      return timers.size
    },
    get nextAt() {
      const timer = due(Infinity)
      return timer && startMs + timer.at
    },
    async advance(ms) {
      const end = elapsed + ms
      await settle()
      for (let timer = due(end); timer; timer = due(end)) {
        timers.delete(timer)
        elapsed = Math.max(elapsed, timer.at)
        timer.fn()
        await settle()
      }
      elapsed = end
      await settle()
    },
  }
}

/** Lets promise chains run up to their next timer, since all pending microtasks run before a macrotask. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
