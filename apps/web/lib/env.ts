import { isAbsolute, join } from 'node:path'

/**
 * Returns the folder in which the embedded drivers keep their files: MSC_DATA_DIR, or else `.data` in the app's folder.
 */
export function dataDir(): string {
  const configured = process.env['MSC_DATA_DIR'] ?? '.data'
  return isAbsolute(configured) ? configured : join(/* turbopackIgnore: true */ process.cwd(), configured)
}
