/** Milliseconds from the start of the command until whoever has not answered is named. */
const DEFAULT_MS = 2500
/** What a backend gets at least, on a machine that takes long to load the command. */
const LEAST_MS = 1000

/**
 * Milliseconds for the round trips where nobody said how long: a silent backend is named within three seconds of the
 * command's start, and loading it is a part of them.
 */
export function timeLeft(sinceStartMs: number): number {
  return Math.round(Math.max(LEAST_MS, DEFAULT_MS - sinceStartMs))
}
