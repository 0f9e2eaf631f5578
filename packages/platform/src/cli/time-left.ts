/** How long after the start of the command a silent backend is reported, in milliseconds. */
const DEFAULT_MS = 2500
/** The least time that a backend gets, on a machine on which the command loads slowly. */
const LEAST_MS = 1000

/**
 * Returns the default time for round trips, in milliseconds. A silent backend is reported within three seconds of the
 * command's start, and loading the command is part of them.
 */
export function timeLeft(sinceStartMs: number): number {
  return Math.round(Math.max(LEAST_MS, DEFAULT_MS - sinceStartMs))
}
