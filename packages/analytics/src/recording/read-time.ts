/** Nobody recorded a product event before; what is smaller counts seconds, or nothing. */
const EARLIEST = Date.UTC(1980, 0, 1)
/** How far the clock of another machine may be ahead. */
const AHEAD_MS = 24 * 60 * 60_000

/**
 * Can an event have happened then? Seconds and nanoseconds taken for milliseconds can't be told from a time by their
 * type, and a date that there is not breaks whatever writes it.
 *
 * @param at Milliseconds since the epoch.
 * @param now The same, of this machine, whose own clock may be at its beginning.
 */
export function isPlausibleTime(at: unknown, now: number): at is number {
  return typeof at === 'number' && at >= Math.min(EARLIEST, now) && at <= now + AHEAD_MS
}
