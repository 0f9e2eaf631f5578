/**
 * How far in the past or future a record's own time may be: clocks differ, and records wait in queues. The journal keeps
 * no record for longer, so an older time would remove what has just arrived.
 */
const MOST_PAST_MS = 7 * 86_400_000
const MOST_AHEAD_MS = 60_000
/** A smaller difference between the clocks is taken for the duration of the request. */
const LEAST_DRIFT_MS = 5000

/**
 * Returns the time of an event by the server's clock.
 *
 * The sender's time of sending shows how far its clock is off, since the time between the event and the sending is
 * right on any clock.
 *
 * @param at The time by the sender's clock, as is `sentAt`; all times are in milliseconds since the epoch.
 * @returns `now` for an impossible time.
 */
export function occurredAt(at: number | undefined, sentAt: number | undefined, now: number): number {
  if (at === undefined || !Number.isFinite(at)) return now
  const drift = sentAt === undefined || !Number.isFinite(sentAt) ? 0 : now - sentAt
  const corrected = Math.abs(drift) >= LEAST_DRIFT_MS ? at + drift : at
  return corrected >= now - MOST_PAST_MS && corrected <= now + MOST_AHEAD_MS ? Math.round(corrected) : now
}

/** Longer text is not a date. */
const LONGEST_DATE = 40

/** Reads an ISO 8601 date; returns milliseconds since the epoch. */
export function parseDate(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > LONGEST_DATE) return undefined
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? undefined : ms
}

/** Reads seconds since the epoch, as Sentry sends them, or an ISO 8601 date; returns milliseconds since the epoch. */
export function parseSeconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value * 1000 : parseDate(value)
}
