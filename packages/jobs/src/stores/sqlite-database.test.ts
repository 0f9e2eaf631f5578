import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createDatabase } from './sqlite-database.ts'

const folder = mkdtempSync(join(tmpdir(), 'msc-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function failureAt(path: string): Promise<unknown> {
  const database = createDatabase(path, 'process')
  const failure = await database
    .act(() => undefined)
    .then(
      () => undefined,
      (error: unknown) => error,
    )
  await database.close()
  return failure
}

describe('a file that can not be opened', () => {
  it('is named, with its folder, where that is missing', async () => {
    const path = join(folder, 'missing', 'jobs.sqlite')
    expect(await failureAt(path)).toMatchObject({
      code: 'SQLITE_UNUSABLE',
      retryable: false,
      message: `[sqlite] ${path} can not be opened: unable to open database file.`,
      hint: `Make its folder writable for this user (mkdir -p ${join(folder, 'missing')}), or set MSC_JOBS_SQLITE to a file elsewhere, not to a folder.`,
    })
  })

  it('is named where it is something else', async () => {
    const path = join(folder, 'notes.txt')
    writeFileSync(path, 'notes of a hundred and more characters that begin as no database does. '.repeat(20))
    expect(await failureAt(path)).toMatchObject({
      code: 'SQLITE_UNUSABLE',
      hint: expect.stringContaining('a file that SQLite made'),
    })
  })

  it('is not kept locked for others where its tables can not be made', async () => {
    const path = join(folder, 'other.sqlite')
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    const other = new DatabaseSync(path)
    other.exec('create table job_runs (id text)')
    expect(await failureAt(path)).toMatchObject({ name: 'DriverError' })
    other.exec('begin immediate; drop table job_runs; commit')
    other.close()
    expect(await failureAt(path)).toBeUndefined()
  })
})
