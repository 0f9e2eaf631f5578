import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Migration } from '@msc/platform'

/**
 * Returns the path of the migrations, whether the process runs in the app's folder or, like tests, in the repository's.
 */
function folder(): string {
  const here = join(/* turbopackIgnore: true */ process.cwd(), 'supabase')
  const root = existsSync(here) ? here : join(/* turbopackIgnore: true */ process.cwd(), 'apps', 'web', 'supabase')
  return join(root, 'migrations')
}

/** Reads the app's migrations in the order of their names, which begin with their times. */
export async function migrations(): Promise<Migration[]> {
  const names = (await readdir(folder())).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => ({
      version: name.slice(0, -'.sql'.length),
      sql: await readFile(join(folder(), name), 'utf8'),
    })),
  )
}
