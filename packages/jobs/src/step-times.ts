import { ValidationError, duration, type Duration } from '@msc/core'
import { NEVER } from './store.ts'

/**
 * The time of `sleepUntil` in milliseconds since the epoch.
 *
 * @throws ValidationError for what is no time: the date of a text that was none would be over at once.
 */
export function timeOf(time: Date | number): number {
  const ms: unknown = time instanceof Date ? time.getTime() : time
  if (typeof ms === 'number' && Math.abs(ms) <= NEVER) return ms
  throw new ValidationError(
    `[msc/jobs] sleepUntil was given ${typeof ms === 'number' ? 'a time that is none' : `a ${typeof ms}`}.`,
    [{ path: 'time', message: 'Pass a valid Date, or milliseconds since the epoch.' }],
    { code: 'STEP_TIME_INVALID' },
  )
}

/**
 * How long a step waits, in milliseconds.
 *
 * @throws ValidationError for what is no duration, with the reason as its cause.
 */
export function durationOf(time: Duration): number {
  let ms: number | undefined
  let cause: unknown
  try {
    ms = duration(time)
  } catch (error) {
    cause = error
  }
  if (ms !== undefined && ms <= NEVER) return ms
  throw new ValidationError(
    '[msc/jobs] A step was given a time to wait that is no duration.',
    [{ path: 'time', message: "Pass seconds as a number, or a string such as '250ms', '30s' or '7d'." }],
    { code: 'STEP_TIME_INVALID', cause },
  )
}

/** When a step that begins to wait now is over, at the latest time that can be stored. */
export function endOf(now: number, time: Duration): number {
  return Math.min(NEVER, now + durationOf(time))
}
