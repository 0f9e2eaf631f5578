import { isAbsolute, join } from 'node:path'
import { processEnv, readEnv } from '@msc/core'

/**
 * Returns the folder in which the embedded drivers keep their files: MSC_DATA_DIR, or else `.data` in the app's folder.
 */
export function dataDir(): string {
  // An empty variable is one that is not set.
  const configured = readEnv(processEnv(), 'MSC_DATA_DIR') ?? '.data'
  return isAbsolute(configured) ? configured : join(/* turbopackIgnore: true */ process.cwd(), configured)
}
