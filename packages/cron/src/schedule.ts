import { ConfigError, toError } from '@msc/core'
import { Cron } from 'croner'

export interface Schedule {
  /** The first occurrence after `afterMs`, or `undefined` when there is none (30 February). */
  next(afterMs: number): number | undefined
  /** The last occurrence at or before `atMs`, or `undefined` when there is none. */
  floor(atMs: number): number | undefined
}

/**
 * Reads a five-field expression. When daylight saving time skips an hour, an occurrence in it is due right after the gap;
 * when it repeats an hour, an occurrence in it is due once.
 *
 * @throws ConfigError for an invalid expression or time zone.
 */
export function parseSchedule(expression: string, timezone: string): Schedule {
  try {
    // Without a callback croner only computes times; it starts no timer.
    const cron = new Cron(expression, { timezone, mode: '5-part' })
    cron.nextRun(new Date(0))
    return {
      next: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime(),
      // croner excludes the reference time itself, which it rounds to the second.
      floor: (atMs) => cron.previousRuns(1, new Date(Math.floor(atMs / 1000) * 1000 + 1000))[0]?.getTime(),
    }
  } catch (error) {
    throw new ConfigError(
      `[msc/cron] The schedule ${JSON.stringify(expression)} in ${JSON.stringify(timezone)} is not valid.`,
      {
        code: 'CRON_SCHEDULE_INVALID',
        hint: "Use five fields, for example '0 2 * * 0', and an IANA time zone such as 'Europe/Stockholm'.",
        cause: toError(error),
      },
    )
  }
}
