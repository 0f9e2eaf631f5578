/** How far back a record's own time is believed, and how far ahead: clocks differ, and queues wait. */
const MOST_PAST_MS = 30 * 86_400_000
const MOST_AHEAD_MS = 60_000
/** A difference of clocks below it is the time that the request took. */
const LEAST_DRIFT_MS = 5000

/**
 * When something happened by the clock of the server.
 *
 * A sender that says when it sent tells how far its clock is off: the time between the event and the sending is right on
 * any clock.
 *
 * @param at By the sender's clock, as is `sentAt`; all in milliseconds since the epoch.
 * @returns `now` for a time that can't be.
 */
export function occurredAt(at: number | undefined, sentAt: number | undefined, now: number): number {
  if (at === undefined || !Number.isFinite(at)) return now
  const drift = sentAt === undefined || !Number.isFinite(sentAt) ? 0 : now - sentAt
  const corrected = Math.abs(drift) >= LEAST_DRIFT_MS ? at + drift : at
  return corrected >= now - MOST_PAST_MS && corrected <= now + MOST_AHEAD_MS ? Math.round(corrected) : now
}

/** Longer texts are no times. */
const LONGEST_DATE = 40

/** A date in ISO 8601 in milliseconds since the epoch. */
export function parseDate(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > LONGEST_DATE) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}

/** Seconds since the epoch, as Sentry counts, or a date in ISO 8601. */
export function parseSeconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value * 1000 : parseDate(value)
}
