import { systemClock, type CancelTimer, type Clock, closedError } from '@msc/core'
import type { CronDriver, ScheduledEntry, Tick } from '../driver.ts'
import { carriesSecret } from '../secret.ts'

export interface LocalOptions {
  /** Lets the HTTP route trigger runs by hand; without it the route is closed. */
  readonly secret?: string
  readonly clock?: Clock
}

/** No single timer is trusted for longer: the machine may sleep, and its clock may be set. */
const LOOK_AGAIN_MS = 30_000
/** A clock that is set back by less is being corrected; an occurrence is not looked for again within it. */
const SET_BACK_MS = 1000

/**
 * The embedded driver: timers in this process. A tick missed while the process was down is not made up for. When the wall
 * clock is set back, what comes next by the new time comes again within 30 seconds; the engine knows what has run.
 */
export function local(options: LocalOptions = {}): CronDriver {
  const { secret, clock = systemClock } = options
  const timers = new Map<string, CancelTimer>()
  let closed = false

  const arm = (entry: ScheduledEntry, after: number, onTick: (tick: Tick) => Promise<void>): void => {
    const at = entry.next(after)
    let last = clock.now()
    const wait = (): void => {
      if (closed) return
      const now = clock.now()
      if (now < last - SET_BACK_MS) {
        arm(entry, now, onTick)
        return
      }
      last = now
      if (at === undefined || at > now) {
        // Looked at again even where there is no next occurrence: by an earlier clock there may be.
        const left = at === undefined ? LOOK_AGAIN_MS : at - now
        timers.set(entry.name, clock.setTimeout(wait, Math.min(left, LOOK_AGAIN_MS)))
        return
      }
      // Armed for the next one first: a slow run must not delay or lose it.
      arm(entry, Math.max(at, now - 1000), onTick)
      void onTick({ name: entry.name, at })
    }
    wait()
  }

  return {
    specificationVersion: 1,
    name: 'local',
    capabilities: { selfDriven: true },
    start(entries, onTick) {
      for (const entry of entries) arm(entry, clock.now(), onTick)
    },
    authorize: (request) => carriesSecret(request, secret),
    async health() {
      if (closed) throw closedError('local')
    },
    async close() {
      closed = true
      for (const cancel of timers.values()) cancel()
      timers.clear()
    },
  }
}
