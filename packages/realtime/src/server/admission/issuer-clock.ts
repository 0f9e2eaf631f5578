import type { Clock } from '@msc/core'

/** How far the clock of whoever issues tokens, or takes them back, may be ahead of this one. */
export const AHEAD_MS: number = 5 * 60_000

/** The clock of whoever issues tokens, as far as these have shown it. */
export interface IssuerClock {
  /**
   * A token was issued at this time, in milliseconds since the epoch.
   *
   * @returns Whether the clock is further ahead than was known.
   */
  see(issuedAt: number): boolean
  /** Milliseconds since the epoch up to which tokens may have been issued by now: never before this server's own time. */
  now(): number
}

/** For so long what was seen counts: no token that is believed is from later than that, so then this server's time is past it. */
const WINDOW_MS = AHEAD_MS

/**
 * Whoever shows a token shows it after it was issued, so the clock that issued it is at least as far ahead as the token was, and no
 * token of later is taken for one of before. It is compared with monotonic time: this server's clock may be set meanwhile.
 */
export function createIssuerClock(clock: Pick<Clock, 'now' | 'monotonic'>): IssuerClock {
  /** The largest difference that was seen, in this window and in the one before. */
  let ahead = -Infinity
  let aheadBefore = -Infinity
  let since = clock.monotonic()
  const most = (now: number): number => {
    const passed = now - since
    if (passed >= WINDOW_MS) {
      aheadBefore = passed < 2 * WINDOW_MS ? ahead : -Infinity
      ahead = -Infinity
      since = now
    }
    return Math.max(ahead, aheadBefore)
  }
  return {
    see(issuedAt) {
      const [now, own] = [clock.monotonic(), clock.now()]
      if (issuedAt > own + AHEAD_MS) return false
      const [known, seen] = [most(now), issuedAt - now]
      ahead = Math.max(ahead, seen)
      return seen > known && issuedAt > own
    },
    now() {
      const [now, own] = [clock.monotonic(), clock.now()]
      return Math.min(Math.max(own, Math.round(now + most(now))), own + AHEAD_MS)
    },
  }
}
