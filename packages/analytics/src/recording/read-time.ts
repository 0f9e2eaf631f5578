/** No product event is older; a smaller number is in seconds, or not a time. */
const EARLIEST = Date.UTC(1980, 0, 1)
/** How far another machine's clock may be ahead. */
const AHEAD_MS = 24 * 60 * 60_000

/**
 * Says whether an event can have happened at that time. Seconds or nanoseconds that are passed as milliseconds have the
 * same type as a valid time, and a date out of range breaks the code that formats it.
 *
 * @param at Milliseconds since the epoch.
 * @param now The time of this machine, in milliseconds since the epoch. Its clock may be reset to the epoch.
 */
export function isPlausibleTime(at: unknown, now: number): at is number {
  return typeof at === 'number' && at >= Math.min(EARLIEST, now) && at <= now + AHEAD_MS
}
