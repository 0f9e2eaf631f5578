import { vercelManifest, type CronDefinition } from '@msc/cron'

/** Returns the text of `vercel.json`. */
export function manifest(crons: readonly CronDefinition[]): string {
  return `${JSON.stringify({ $schema: 'https://openapi.vercel.sh/vercel.json', ...vercelManifest(crons) }, null, 2)}\n`
}
