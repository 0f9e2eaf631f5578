import type { Clock } from '@msc/core'

/** Milliseconds after which an outage is told. Shorter ones, such as a failover, are no news: polling finds the work. */
const LONG_MS = 5000
/**
 * Milliseconds from the first to the last proof of a connection, after which a loss is a new outage. With less in between,
 * losses are one. The time after the last proof does not count: a connection that hangs is noticed seconds later.
 */
const SETTLED_MS = 4000
/** Milliseconds between two reports, for a connection that comes and goes. */
const BETWEEN_MS = 60_000

export interface Outages {
  /** Takes every failure, and passes one on for each outage that lasts. */
  failed(error: Error): void
  /** Takes each proof that it hears. */
  heard(): void
}

/** @param lasts Says of an error that it will not pass by itself, so that nobody has to wait for what follows. */
export function createOutages(clock: Clock, lasts: (error: Error) => boolean, tell: (error: Error) => void): Outages {
  let began: number | undefined
  let proven: { readonly first: number; last: number } | undefined
  let told = -Infinity
  return {
    failed(error) {
      const now = clock.monotonic()
      if (proven && proven.last - proven.first >= SETTLED_MS) began = undefined
      proven = undefined
      began ??= now
      if (now - told < BETWEEN_MS || (now - began < LONG_MS && !lasts(error))) return
      told = now
      tell(error)
    },
    heard() {
      const now = clock.monotonic()
      proven ??= { first: now, last: now }
      proven.last = now
    },
  }
}
