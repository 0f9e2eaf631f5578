import './operations.ts'
export { memoryClaims, type ClaimStore } from './claims.ts'
export { createCron, type Cron, type CronOptions } from './create-cron.ts'
export type { CronRun } from './run/cron-run.ts'
export {
  configureCron,
  createCronFromEnv,
  cronHandler,
  getDefaultCron,
  runCron,
  setDefaultCron,
  type CronFromEnvOptions,
} from './default-cron.ts'
export { defineCron, type CronContext, type CronDefinition, type CronDefinitionOptions } from './define-cron.ts'
export type { CronCapabilities, CronDriver, ScheduledEntry, Tick } from './driver.ts'
export { runsOnVercel } from './drivers/vercel.ts'
export { vercelManifest, type ManifestOptions, type VercelManifest } from './manifest.ts'
