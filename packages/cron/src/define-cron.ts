import { ConfigError, duration, type Duration } from '@msc/core'
import { parseSchedule, type Schedule } from './schedule.ts'

export interface CronContext {
  /** The time for which this run was scheduled, in milliseconds since the epoch. */
  readonly scheduledAt: number
  /** Aborts at the timeout and when the engine closes. */
  readonly signal: AbortSignal
}

export interface CronDefinitionOptions {
  /** Lower-case letters, digits and `-`. The name is part of the route and of the run's key. */
  readonly name: string
  /** Five numeric fields. */
  readonly schedule: string
  /** Default `UTC`, the only time zone of Vercel Cron. */
  readonly timezone?: string
  /** Default `/api/cron/<name>`. */
  readonly path?: string
  /** Default 5 minutes. */
  readonly timeout?: Duration
}

export interface CronDefinition {
  readonly name: string
  readonly schedule: string
  readonly timezone: string
  readonly path: string
  readonly timeoutMs: number
  readonly times: Schedule
  /** Its return value is kept in the history, so keep it small. */
  readonly run: (context: CronContext) => unknown
}

/**
 * Defines a job with a schedule.
 *
 * @throws ConfigError for an invalid name, path, schedule or time zone.
 * @example defineCron({ name: 'daily-analytics', schedule: '0 0 * * *' }, async ({ scheduledAt }) => { … })
 */
export function defineCron(options: CronDefinitionOptions, run: (context: CronContext) => unknown): CronDefinition {
  const { name, schedule, timezone = 'UTC', path = `/api/cron/${name}`, timeout = '5m' } = options
  if (!/^[a-z\d]+(-[a-z\d]+)*$/.test(name)) {
    throw new ConfigError(`[msc/cron] ${JSON.stringify(name)} is not a valid job name.`, {
      code: 'CRON_NAME_INVALID',
      hint: "Use lower-case letters, digits and '-', for example 'daily-analytics'.",
    })
  }
  if (!path.startsWith('/')) {
    throw new ConfigError(`[msc/cron] The path of ${name} must begin with '/'.`, {
      code: 'CRON_PATH_INVALID',
      hint: `Leave \`path\` out for /api/cron/${name}.`,
    })
  }
  return { name, schedule, timezone, path, timeoutMs: duration(timeout), times: parseSchedule(schedule, timezone), run }
}
