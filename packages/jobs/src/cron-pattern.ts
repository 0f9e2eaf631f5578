import { ConfigError, toError } from '@msc/core'
import { Cron } from 'croner'
import type { CronTrigger } from './define-job.ts'

/** @throws ConfigError for a pattern or a zone that there is not. */
export function parseCron({ cron, timezone = 'UTC' }: CronTrigger): Cron {
  try {
    const pattern = new Cron(cron, { timezone, paused: true })
    // An unknown zone is found out only here.
    pattern.nextRun(new Date(0))
    return pattern
  } catch (error) {
    throw new ConfigError(`[msc/jobs] ${JSON.stringify(cron)} in ${timezone}: ${toError(error).message}`, {
      code: 'JOB_CRON_INVALID',
      hint: "Five fields, such as '0 2 * * *', and a zone such as 'Europe/Berlin'.",
    })
  }
}
