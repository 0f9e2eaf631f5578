import type { Clock } from '@msc/core'

/** Milliseconds after which an outage is told. Shorter ones, such as a failover, are no news: polling finds the work. */
const LONG_MS = 5000
/**
 * Milliseconds without a failure that end an outage; with less in between, losses are one. More than it takes to notice a
 * connection that hangs, or to give up making one, so that an outage is never taken for two.
 */
const QUIET_MS = 30_000
/** Milliseconds between two reports, for a connection that comes and goes. */
const BETWEEN_MS = 60_000

/**
 * Returns a function that takes every failure and passes one on for each outage that lasts.
 *
 * @param lasts Says of an error that it will not pass by itself, so that nobody has to wait for what follows.
 */
export function createOutages(
  clock: Clock,
  lasts: (error: Error) => boolean,
  tell: (error: Error) => void,
): (error: Error) => void {
  let began = -Infinity
  let latest = -Infinity
  let told = -Infinity
  return (error) => {
    const now = clock.monotonic()
    if (now - latest > QUIET_MS) began = now
    latest = now
    if (now - told < BETWEEN_MS || (now - began < LONG_MS && !lasts(error))) return
    told = now
    tell(error)
  }
}
