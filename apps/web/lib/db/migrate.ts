import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'

/**
 * Returns the path of `supabase/`, whether the process runs in the app's folder or, like tests, in the repository's.
 */
function folder(): string {
  const here = join(/* turbopackIgnore: true */ process.cwd(), 'supabase')
  return existsSync(here) ? here : join(/* turbopackIgnore: true */ process.cwd(), 'apps', 'web', 'supabase')
}

/**
 * Applies the missing migrations. Each file runs in one transaction with the record that it was applied, so that a kill
 * at any point leaves a file either done or not begun.
 */
export async function migrate(db: PGlite): Promise<string[]> {
  await db.exec(`
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations (
      version text primary key, applied_at timestamptz not null default now()
    )`)
  const { rows } = await db.query<{ version: string }>('select version from supabase_migrations.schema_migrations')
  const applied = new Set(rows.map((row) => row.version))
  const names = (await readdir(join(folder(), 'migrations'))).filter((name) => name.endsWith('.sql')).sort()
  const files = [join('embedded', 'platform.sql'), ...names.map((name) => join('migrations', name))]
  const done: string[] = []
  for (const file of files) {
    const version = file.replace(/^.*[\\/]/, '').replace(/\.sql$/, '')
    if (applied.has(version)) continue
    const sql = await readFile(join(folder(), file), 'utf8')
    await db.transaction(async (tx) => {
      await tx.exec(sql)
      await tx.query('insert into supabase_migrations.schema_migrations (version) values ($1)', [version])
    })
    done.push(version)
  }
  return done
}
