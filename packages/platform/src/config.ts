import type { CronDefinition } from '@msc/cron'

/** The application's description for the `msc` command: the default export of `msc.config.ts` in its folder. */
export interface MscConfig {
  /** Compared with the `crons` of vercel.json. */
  readonly crons?: readonly CronDefinition[]
  /** The plan that `crons` are deployed on. Default `pro`. */
  readonly plan?: 'hobby' | 'pro'
  /** The application's own secrets: variable → the fewest bytes that it needs. */
  readonly secrets?: Readonly<Record<string, { readonly minBytes: number; readonly purpose: string }>>
  /** How tokens for Supabase Realtime are signed; the option of `assertSecrets`. Default `secret`. */
  readonly realtimeTokens?: 'secret' | 'jwks'
  /**
   * Drivers that the application passes itself where the environment names none: concern → driver, such as
   * `{ jobs: 'sqlite' }`. The doctor says so instead of naming the driver that the environment alone would choose.
   */
  readonly inside?: Readonly<Partial<Record<'jobs' | 'realtime' | 'database', string>>>
  /** Folders that the application writes to. A missing one must be one that it can create. */
  readonly folders?: readonly AppFolder[]
}

export interface AppFolder {
  /** Relative to the folder of the configuration. */
  readonly path: string
  /** What is kept there, such as `the journal`. */
  readonly keeps: string
  /** The variable that sets the path. */
  readonly variable?: string
}

/**
 * Returns its argument, with its type checked in an editor.
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
