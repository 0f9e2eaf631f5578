import { systemClock, type Clock } from '@msc/core'

/** A clock that runs `factor` times as fast as time does: a test of a minute takes a second with 60. */
export function createScaledClock(factor: number): Clock {
  const startNow = systemClock.now()
  const start = systemClock.monotonic()
  const elapsed = (): number => (systemClock.monotonic() - start) * factor
  return {
    now: () => Math.round(startNow + elapsed()),
    monotonic: elapsed,
    setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms / factor),
  }
}
