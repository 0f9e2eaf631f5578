import { sleep, systemClock, type Clock } from '@msc/core'

/** Waits its turn. Rejects with the signal's reason. */
export type Pace = (signal: AbortSignal) => Promise<void>

/** Lets `burst` calls through at once and then one each `everyMs`: a bucket that is refilled steadily. */
export function createPace(burst: number, everyMs: number, clock: Clock = systemClock): Pace {
  // When the bucket would be full again; each call moves it on.
  let fullAt = 0
  return async (signal) => {
    const now = clock.monotonic()
    fullAt = Math.max(fullAt, now) + everyMs
    const waitMs = fullAt - now - burst * everyMs
    if (waitMs > 0) await sleep(waitMs, { clock, signal })
  }
}
