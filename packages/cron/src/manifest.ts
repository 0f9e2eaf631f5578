import { ConfigError } from '@msc/core'
import type { CronDefinition } from './define-cron.ts'

export interface VercelManifest {
  readonly crons: readonly { readonly path: string; readonly schedule: string }[]
}

export interface ManifestOptions {
  /** `hobby` allows one run a day at most. Default `pro`. */
  readonly plan?: 'hobby' | 'pro'
}

/**
 * Makes the `crons` of vercel.json from the definitions, so that the two can't differ.
 *
 * @throws ConfigError naming every definition that Vercel would refuse at deployment.
 */
export function vercelManifest(crons: readonly CronDefinition[], options: ManifestOptions = {}): VercelManifest {
  const problems = crons.flatMap((cron) =>
    lint(cron, options.plan ?? 'pro').map((problem) => `${cron.name}: ${problem}`),
  )
  if (crons.length > 100) problems.push('a project has at most 100 cron jobs')
  if (problems.length > 0) {
    throw new ConfigError(`[msc/cron] [vercel] ${problems.join('; ')}.`, {
      // Vercel would refuse these definitions at deployment; the message names each of them and the reason.
      code: 'CRON_MANIFEST_INVALID',
    })
  }
  return { crons: crons.map(({ path, schedule }) => ({ path, schedule })) }
}

function lint(cron: CronDefinition, plan: 'hobby' | 'pro'): string[] {
  const { schedule, path, timezone } = cron
  const fields = schedule.trim().split(/\s+/)
  const [minute = '', hour = '', dayOfMonth, , dayOfWeek] = fields
  const problems: string[] = []
  if (path.length > 512) problems.push('the path is longer than 512 characters')
  if (schedule.length < 9 || schedule.length > 256) problems.push('the schedule must have 9 to 256 characters')
  if (fields.length !== 5 || !fields.every((field) => /^[\d*/,-]+$/.test(field)))
    problems.push('the schedule must be 5 numeric fields')
  if (dayOfMonth !== '*' && dayOfWeek !== '*') problems.push('day of month and day of week can not both be set')
  if (timezone !== 'UTC') problems.push('Vercel runs in UTC')
  if (plan === 'hobby' && !(/^\d+$/.test(minute) && /^\d+$/.test(hour)))
    problems.push('the hobby plan runs a job at most once a day')
  return problems
}
