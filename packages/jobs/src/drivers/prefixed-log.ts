import { runReported } from '@msc/core'
import type { JobLog } from '../context.ts'

/** With the job and the run before each line. A log that fails is reported, and fails no step. */
export function prefixed(log: JobLog, prefix: string): JobLog {
  const say =
    (level: keyof JobLog): JobLog[typeof level] =>
    (message, data) =>
      runReported(() => log[level](`[${prefix}] ${message}`, data), { concern: 'jobs', operation: 'log' })
  return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
}
