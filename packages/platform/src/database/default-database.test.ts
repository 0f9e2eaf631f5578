import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configureDatabase, createDatabaseFromEnv, getDefaultDatabase, setDefaultDatabase } from './default-database.ts'

describe('the database of the environment', () => {
  it.each([
    [{ SUPABASE_DB_URL: 'postgres://a@b:1/c', DATABASE_URL: 'postgres://a@b:2/c' }, 'supabase'],
    [{ DATABASE_URL: 'postgres://a@b:2/c' }, 'postgres'],
    [{ DATABASE_URL: ' ' }, 'pglite'],
    [{}, 'pglite'],
    [{ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: 'jobs,database' }, 'pglite'],
  ])('%j is on %s', (env, driver) => {
    expect(createDatabaseFromEnv({}, { MSC_QUIET: '1', ...env }).driverName).toBe(driver)
  })

  it.each([
    [{ DATABASE_URL: 'hunter2' }, 'DATABASE_URL_INVALID', /DATABASE_URL/],
    [{ SUPABASE_DB_URL: 'https://hunter2.supabase.co' }, 'DATABASE_URL_INVALID', /SUPABASE_DB_URL/],
    [
      { SUPABASE_DB_URL: 'postgresql://postgres:[YOUR-PASSWORD]@db.ref.supabase.co:5432/postgres' },
      'CONFIG_HALF_SET',
      /password of the database/,
    ],
    [{ NODE_ENV: 'production' }, 'EMBEDDED_IN_PRODUCTION', /MSC_ALLOW_EMBEDDED=database/],
    [{ NODE_ENV: 'production', MSC_ALLOW_EMBEDDED: 'jobs' }, 'EMBEDDED_IN_PRODUCTION', /=jobs,database/],
  ])('%j is refused with %s', (env, code, hint) => {
    let refusal: unknown
    try {
      createDatabaseFromEnv({}, env)
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ code, hint: expect.stringMatching(hint) })
    expect(`${refusal}${(refusal as { hint: string }).hint}`).not.toContain('hunter2')
  })

  it('keeps its folder, and is the default one until another is configured', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'msc-pg-'))
    const env = { MSC_QUIET: '1', MSC_DATA_DIR: join(folder, 'data') }
    const first = configureDatabase({}, env)
    expect(getDefaultDatabase()).toBe(first)
    await first.migrate([{ version: '1', sql: 'create table public.kept (id int)' }])
    await first.close()
    const second = configureDatabase({ folder: join(folder, 'data', 'pg') }, env)
    expect(getDefaultDatabase()).toBe(second)
    expect(await second.migrate([{ version: '1', sql: 'create table public.kept (id int)' }])).toEqual([])
    setDefaultDatabase(undefined)
    await second.close()
    writeFileSync(join(folder, 'file'), '')
    const unusable = createDatabaseFromEnv({ folder: join(folder, 'file', 'pg') }, env)
    expect(await unusable.health()).toMatchObject({ status: 'down', code: 'DATABASE_FOLDER_UNUSABLE' })
    rmSync(folder, { recursive: true })
  }, 60_000)
})
