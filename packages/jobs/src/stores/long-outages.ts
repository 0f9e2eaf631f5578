import type { Clock } from '@msc/core'

/** Milliseconds after which an outage is told. Shorter ones, such as a failover, are no news: polling finds the work. */
const LONG_MS = 5000
/** Milliseconds without a failure after which the next one begins a new outage. */
const QUIET_MS = 30_000

/** Returns a function that takes every failure of a connection, and passes one on for each outage that lasts. */
export function tellOfLongOutages(clock: Clock, tell: (error: Error) => void): (error: Error) => void {
  let began = -Infinity
  let last = -Infinity
  let told = false
  return (error) => {
    const now = clock.monotonic()
    if (now - last > QUIET_MS) {
      began = now
      told = false
    }
    last = now
    if (told || now - began < LONG_MS) return
    told = true
    tell(error)
  }
}
