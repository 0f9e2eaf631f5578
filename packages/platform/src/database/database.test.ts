import { startPostgres, type RunningPostgres } from '@msc/core/testing/postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase } from './create-database.ts'
import type { Database } from './database.ts'
import type { DatabaseDriver } from './driver.ts'
import { pglite } from './drivers/pglite.ts'
import { postgres } from './drivers/postgres.ts'

let server: RunningPostgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server?.close())

const drivers: readonly (readonly [string, () => DatabaseDriver])[] = [
  ['pglite', () => pglite()],
  ['postgres', () => postgres({ url: server.url })],
]

describe.each(drivers)('a database on %s', (_, make) => {
  let database: Database
  beforeAll(async () => {
    database = createDatabase({ driver: make() })
    await database.migrate([
      {
        version: '1_roles',
        sql: `create role service_role nologin bypassrls; create role authenticated nologin;
          create table notes (owner text not null, text text not null unique);
          alter table notes enable row level security;
          grant all on notes to service_role; grant select, insert on notes to authenticated;
          create policy own on notes using (owner = current_setting('request.jwt.claims')::json ->> 'sub');`,
      },
    ])
  })
  afterAll(() => database.close())

  it('shows a user what is theirs, and leaves no role behind', async () => {
    await database.asService((tx) => tx.query(`insert into notes values ('ann', 'one'), ('bob', 'two')`))
    const seen = (sub: string): Promise<unknown[]> =>
      database.transaction({ sub, role: 'authenticated' }, (tx) => tx.query('select text from notes'))
    expect(await seen('ann')).toEqual([{ text: 'one' }])
    expect(await seen('bob')).toEqual([{ text: 'two' }])
    expect(await database.asService((tx) => tx.query('select count(*)::int as count from notes'))).toEqual([
      { count: 2 },
    ])
  })

  it('keeps nothing of work that fails', async () => {
    const failing = database.asService(async (tx) => {
      await tx.query(`insert into notes values ('ann', 'lost')`)
      throw new Error('no')
    })
    await expect(failing).rejects.toThrow('no')
    expect(await database.asService((tx) => tx.query(`select 1 from notes where text = 'lost'`))).toEqual([])
  })

  it('names what is wrong with a value without the value', async () => {
    const writing = (text: string): Promise<unknown> =>
      database.asService((tx) => tx.query('insert into notes values ($1, $2)', ['ann', text]))
    await expect(writing('a\u0000b')).rejects.toMatchObject({ code: 'DATABASE_VALUE_INVALID' })
    await writing('three')
    await expect(writing('three')).rejects.toMatchObject({ code: 'DATABASE_CONFLICT' })
  })

  it('applies a migration once', async () => {
    expect(await database.migrate([{ version: '1_roles', sql: 'select 1 / 0' }])).toEqual([])
  })
})
