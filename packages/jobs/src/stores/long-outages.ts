import type { Clock } from '@msc/core'

/** Milliseconds after which an outage is told. Shorter ones, such as a failover, are no news: polling finds the work. */
const LONG_MS = 5000
/** Milliseconds of listening that end an outage. With less in between, losses are one outage. */
const SETTLED_MS = 5000
/** Milliseconds between two reports, for a connection that comes and goes. */
const BETWEEN_MS = 60_000

export interface Outages {
  /** Takes every failure, and passes one on for each outage that lasts. */
  failed(error: Error): void
  /** Takes the proof that it hears again. */
  heard(): void
}

/** @param lasts Says of an error that it will not pass by itself, so that nobody has to wait for what follows. */
export function createOutages(clock: Clock, lasts: (error: Error) => boolean, tell: (error: Error) => void): Outages {
  let began: number | undefined
  let heardSince: number | undefined
  let told = -Infinity
  return {
    failed(error) {
      const now = clock.monotonic()
      if (heardSince !== undefined && now - heardSince >= SETTLED_MS) began = undefined
      heardSince = undefined
      began ??= now
      if (now - told < BETWEEN_MS || (now - began < LONG_MS && !lasts(error))) return
      told = now
      tell(error)
    },
    heard() {
      heardSince ??= clock.monotonic()
    },
  }
}
