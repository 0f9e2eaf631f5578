import type { CronDefinition } from '@msc/cron'

/** What an application tells the `msc` command of itself, as the default export of `msc.config.ts` in its folder. */
export interface MscConfig {
  /** Compared with the `crons` of vercel.json. */
  readonly crons?: readonly CronDefinition[]
  /** The plan that `crons` are deployed on. Default `pro`. */
  readonly plan?: 'hobby' | 'pro'
  /** Variables that hold secrets of the application's own, and the bytes that each needs at least. */
  readonly secrets?: Readonly<Record<string, { readonly minBytes: number; readonly purpose: string }>>
  /** Folders that the application writes to. One that is missing must be one that it can make. */
  readonly folders?: readonly AppFolder[]
}

export interface AppFolder {
  /** Relative to the folder of the configuration. */
  readonly path: string
  /** What is kept there: `the journal`. */
  readonly keeps: string
  /** The variable that moves it. */
  readonly variable?: string
}

/**
 * Returns its argument, and has an editor check it.
 *
 * @example
 * // msc.config.ts
 * import { defineConfig } from '@msc/platform'
 * import { crons } from './lib/crons.ts'
 *
 * export default defineConfig({ crons, folders: [{ path: '.data', keeps: 'the journal', variable: 'MSC_DATA_DIR' }] })
 */
export function defineConfig(config: MscConfig): MscConfig {
  return config
}
