import { toError } from '@msc/core'
import { vercelManifest, type CronDefinition, type ManifestOptions } from '@msc/cron'
import { fine, type Finding } from '../finding.ts'

/** The part of a cron's definition that vercel.json repeats. */
export type PlannedCron = Pick<CronDefinition, 'name' | 'path' | 'schedule' | 'timezone'>

/**
 * Checks that vercel.json has the crons that the application defines. Vercel reads only that file: a cron that is
 * missing there never runs, without any error.
 *
 * @param text The content of vercel.json; `undefined` when there is none, which matters where Vercel triggers the crons.
 * @param onVercel Whether the driver `vercel` is chosen.
 */
export function checkCronManifest(
  text: string | undefined,
  defined: readonly PlannedCron[],
  options: ManifestOptions = {},
  onVercel = false,
): Finding[] {
  const wrong = (code: string, detail: string, hint: string): Finding[] => [
    { check: 'vercel.json', status: 'error', code, subject: 'crons', detail, hint },
  ]
  if (text === undefined) {
    if (!onVercel || defined.length === 0) return []
    return wrong(
      'CRON_MANIFEST_MISSING',
      `There is no vercel.json, so Vercel would run none of the application's crons: ${defined.map(({ name }) => name).join(', ')}.`,
      'Generate it from the definitions with `vercelManifest` of @msc/cron, and commit it.',
    )
  }
  const deployed = cronsIn(text)
  if (!deployed) {
    const hint = 'Correct it, or generate it from the definitions with `vercelManifest` of @msc/cron.'
    return wrong('VERCEL_JSON_INVALID', 'vercel.json can not be read as JSON with a list of crons.', hint)
  }
  let expected: readonly { readonly path: string; readonly schedule: string }[]
  try {
    expected = vercelManifest(defined as readonly CronDefinition[], options).crons
  } catch (error) {
    const hint = 'Change the definitions: Vercel would refuse them at deployment.'
    return wrong('CRON_MANIFEST_INVALID', toError(error).message, hint)
  }
  const wanted = expected.map(lineOf)
  const missing = wanted.filter((line) => !deployed.includes(line))
  const extra = deployed.filter((line) => !wanted.includes(line))
  if (missing.length + extra.length === 0) return [fine('vercel.json', `${wanted.length} crons`)]
  const parts = [
    missing.length > 0 && `the application defines ${missing.join(', ')}, which it lacks`,
    extra.length > 0 && `it has ${extra.join(', ')}, which the application does not define`,
  ].filter((part) => part !== false)
  return wrong(
    'CRON_MANIFEST_DRIFTED',
    `vercel.json differs from the application's crons: ${parts.join('; ')}.`,
    'Generate it from the definitions with `vercelManifest` of @msc/cron, and commit it.',
  )
}

function lineOf({ path, schedule }: { readonly path: string; readonly schedule: string }): string {
  return `"${schedule}" at ${path}`
}

function cronsIn(text: string): string[] | undefined {
  try {
    const { crons = [] } = JSON.parse(text) as { crons?: unknown }
    if (!Array.isArray(crons)) return undefined
    return crons.map((each: { path?: unknown; schedule?: unknown }) =>
      lineOf({ path: String(each.path), schedule: String(each.schedule) }),
    )
  } catch {
    return undefined
  }
}
