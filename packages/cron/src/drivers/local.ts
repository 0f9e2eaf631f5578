import { systemClock, type CancelTimer, type Clock, closedError } from '@msc/core'
import type { CronDriver, ScheduledEntry, Tick } from '../driver.ts'
import { assertSecret, carriesSecret } from '../secret.ts'

export interface LocalOptions {
  /** Opens the HTTP route for triggers by hand; without it the route refuses every request. */
  readonly secret?: string
  readonly clock?: Clock
}

/** The longest single timer: the machine may sleep or its clock may be set, so the wall clock is read again after it. */
const RECHECK_MS = 30_000
/** A clock that goes back by less than this is being corrected; the next occurrence is not computed again for it. */
const SET_BACK_MS = 1000

/**
 * The embedded driver: timers in this process. Ticks that are missed while the process is down are lost. After the wall
 * clock is set back, the driver continues by the new time within 30 seconds; it may deliver an occurrence again, which the
 * engine skips as a duplicate.
 *
 * @throws ConfigError `CRON_SECRET_INVALID` for a secret that no request can carry.
 */
export function local(options: LocalOptions = {}): CronDriver {
  const { secret, clock = systemClock } = options
  if (secret !== undefined) assertSecret('local', secret)
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
        // The clock is read again even when there is no next occurrence: there may be one once it is set back.
        const left = at === undefined ? RECHECK_MS : at - now
        timers.set(entry.name, clock.setTimeout(wait, Math.min(left, RECHECK_MS)))
        return
      }
      // The next occurrence is armed before this one runs: a slow run must not delay or lose it.
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
