import type { Clock } from '../../time/clock.ts'

/** A clock that stands still until it is advanced, and is quick enough for thousands of runs. */
export interface VirtualTime extends Clock {
  /** Advances by `ms` and fires due timers in order. Promises settle after each; `onTick` is called after each turn. */
  advance(ms: number): Promise<void>
  /** Lets promises settle. */
  settle(): Promise<void>
  readonly pending: number
  /** Milliseconds until the next timer; `undefined` when there is none. */
  readonly nextIn: number | undefined
}

interface Timer {
  readonly at: number
  readonly order: number
  readonly fn: () => void
}

/** The number of turns of the microtask queue after which everything that a delivery starts has settled. */
const TURNS = 16
/** The number of timers within one step beyond which they count as an endless loop. */
const MAX_TIMERS = 100_000

/**
 * @param rest Resolves when all promises have settled. Default: a number of turns that is enough for an outbox. An engine
 *   with a driver needs more: pass a function that waits for `setImmediate`.
 */
export function createVirtualTime(onTick: () => void = () => {}, rest?: () => Promise<void>): VirtualTime {
  const timers = new Set<Timer>()
  let elapsed = 0
  let order = 0
  const first = (): Timer | undefined => {
    let next: Timer | undefined
    for (const timer of timers) {
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer
    }
    return next
  }
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS; turn++) {
      await undefined
      onTick()
    }
    if (!rest) return
    await rest()
    onTick()
  }
  return {
    now: () => 1_700_000_000_000 + elapsed,
    monotonic: () => elapsed,
    setTimeout(fn, ms) {
      const timer: Timer = { at: elapsed + (ms > 0 ? ms : 0), order: order++, fn }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    settle,
    async advance(ms) {
      const end = elapsed + ms
      await settle()
      let fired = 0
      for (let timer = first(); timer && timer.at <= end; timer = first()) {
        if (++fired > MAX_TIMERS)
          throw new Error('The timers never come to rest. Look for one that sets itself again without a delay.')
        timers.delete(timer)
        elapsed = Math.max(elapsed, timer.at)
        timer.fn()
        onTick()
        await settle()
      }
      elapsed = end
    },
    get pending() {
      return timers.size
    },
    get nextIn() {
      const timer = first()
      return timer && Math.max(0, timer.at - elapsed)
    },
  }
}
