import { startChaosProxy } from '@msc/core/testing'
import { startPostgres, startTransactionPooler, type RunningPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { administer, emptyDatabase, supabaseProject } from './__fixtures__/databases.ts'
import { createDatabase } from './create-database.ts'
import type { Database } from './database.ts'
import type { DatabaseDriver } from './driver.ts'
import { pglite } from './drivers/pglite.ts'
import { postgres } from './drivers/postgres.ts'
import { supabase } from './drivers/supabase.ts'

let server: RunningPostgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server?.close())

const opened: Database[] = []
const open = (driver: DatabaseDriver): Database => {
  const database = createDatabase({ driver, onError: () => undefined })
  opened.push(database)
  return database
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()))
})

const accounts = { version: '20260101000000_accounts', sql: 'create table public.accounts (id int)' }
const notes = { version: '20260102000000_notes', sql: 'create table public.notes (id int)' }
/** What the Supabase CLI makes before its first migration, and what it writes after each. */
const CLI = `create schema if not exists supabase_migrations;
  create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
  alter table supabase_migrations.schema_migrations add column if not exists statements text[];
  alter table supabase_migrations.schema_migrations add column if not exists name text;`
const history = async (database: Database): Promise<unknown> =>
  (await database.client()).query(
    'select version, name, statements from supabase_migrations.schema_migrations order by version',
    [],
  )

// The first PGlite of a process takes long on a busy machine.
describe.each(['pglite', 'postgres', 'supabase'])('migrations on %s', { timeout: 60_000 }, (kind) => {
  const start = async (): Promise<Database> => {
    if (kind === 'pglite') return open(pglite())
    if (kind === 'postgres') return open(postgres({ url: await emptyDatabase(server) }))
    return open(supabase({ url: await supabaseProject(server) }))
  }

  it('of the Supabase CLI are known, with their names and without, and take a hash at first sight', async () => {
    const database = await start()
    const client = await database.client()
    for (const sql of [...CLI.split(';'), accounts.sql, notes.sql]) if (sql.trim()) await client.query(sql, [])
    await client.query(
      `insert into supabase_migrations.schema_migrations (version, name) values ('20260101000000', 'accounts'), ('20260102000000', null), ('20260103000000', 'theirs')`,
      [],
    )
    const own = { version: '20260103000000_ours', sql: 'create table public.ours (id int)' }
    const applied = await database.migrate([accounts, notes, own])
    expect(applied.filter((version) => !version.startsWith('platform'))).toEqual([own.version])
    await expect(database.migrate([{ ...accounts, sql: 'select 1' }])).rejects.toMatchObject({
      code: 'MIGRATION_CHANGED',
    })
  })

  it('are known to the Supabase CLI, if it is used here', async () => {
    const database = await start()
    const client = await database.client()
    if (kind !== 'supabase') for (const sql of CLI.split(';')) if (sql.trim()) await client.query(sql, [])
    await database.migrate([accounts, { version: 'mine', sql: 'select 1' }, notes])
    expect(await history(database)).toMatchObject({
      rows: [
        { version: '20260101000000', name: 'accounts', statements: [accounts.sql] },
        { version: '20260102000000', name: 'notes', statements: [notes.sql] },
      ],
    })
  })

  it('that were recorded without a hash take one, and are not applied again', async () => {
    const database = await start()
    await database.migrate([accounts])
    // As earlier versions left it.
    const client = await database.client()
    await client.query('drop schema msc_migrations cascade', [])
    await client.query('drop schema if exists supabase_migrations cascade', [])
    for (const sql of [
      'create schema supabase_migrations',
      'create table supabase_migrations.schema_migrations (version text primary key, applied_at timestamptz not null default now())',
      `insert into supabase_migrations.schema_migrations (version) values ('platform'), ('${accounts.version}')`,
    ]) {
      await client.query(sql, [])
    }
    expect(await database.migrate([accounts, notes])).toEqual([
      ...(kind === 'supabase' ? [] : ['platform_2']),
      notes.version,
    ])
    expect(await database.migrate([accounts, notes])).toEqual([])
    await expect(database.migrate([{ ...accounts, sql: 'select 1' }])).rejects.toMatchObject({
      code: 'MIGRATION_CHANGED',
    })
  })

  it('that fail leave no lock behind that another process would wait for', async () => {
    const database = await start()
    const failing = { version: 'failing', sql: 'select pg_advisory_lock(4713); select 1 / 0' }
    await expect(database.migrate([failing])).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    const locks = `select objid from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`
    expect(await database.asService((tx) => tx.query(locks))).toEqual([])
    expect(await database.migrate([accounts])).toEqual([accounts.version])
  })
})

describe('migrations by a role that may do little', () => {
  const HISTORY = `create schema msc_migrations;
    create table msc_migrations.applied (version text primary key, hash text not null, applied_at timestamptz not null default now());
    ${CLI}`
  /** Returns a database of a project of Supabase for a new role that may use the schema `own` and nothing else. */
  const restricted = async (name: string, ...texts: readonly string[]): Promise<Database> => {
    const url = (await supabaseProject(server)).replace('//project@', '//msc@')
    await administer(url, `create role ${name} login; create schema own authorization ${name}`, ...texts)
    return open(supabase({ url: url.replace('//msc@', `//${name}@`) }))
  }
  const step = { version: '20260101000000_own', sql: 'create table own.step (id int)' }

  it('need no right to create schemas where those of the records are there', async () => {
    const database = await restricted(
      'records_only',
      HISTORY,
      `grant usage on schema msc_migrations, supabase_migrations to records_only;
        grant select, insert on msc_migrations.applied, supabase_migrations.schema_migrations to records_only`,
    )
    expect(await database.migrate([{ version: 'plain', sql: 'select 1' }, step])).toEqual(['plain', step.version])
    expect(await database.migrate([step])).toEqual([])
  })

  it('say which rights are missing to read the records', async () => {
    const database = await restricted('unreading', HISTORY)
    await expect(database.migrate([step])).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(/The records of migrations can not be read: permission denied/),
      hint: expect.stringMatching(/needs usage of the schema msc_migrations/),
      retryable: false,
    })
  })

  it('say which one can not be recorded, and keep nothing of it', async () => {
    const database = await restricted(
      'unwriting',
      HISTORY,
      `grant usage on schema msc_migrations, supabase_migrations to unwriting;
        grant select, insert on msc_migrations.applied to unwriting;
        grant select on supabase_migrations.schema_migrations to unwriting`,
    )
    await expect(database.migrate([step])).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining(`The migration ${step.version} can not be recorded: permission denied`),
      retryable: false,
    })
    const client = await database.client()
    expect((await client.query(`select to_regclass('own.step') as step`, [])).rows).toEqual([{ step: null }])
  })
})

it('keep what the pool of the application has set for its connections', async () => {
  const pool = new pg.Pool({ connectionString: await emptyDatabase(server), max: 2 })
  pool.on('connect', (client) => void client.query(`set timezone to 'Asia/Tokyo'`))
  const database = open(postgres({ pool }))
  await database.migrate([accounts])
  for (let round = 0; round < 3; round++) {
    const zone = await database.asService((tx) => tx.query(`select current_setting('timezone') as zone`))
    expect(zone).toEqual([{ zone: 'Asia/Tokyo' }])
  }
  await database.close()
  await pool.end()
})

it.each(['pglite', 'postgres'])('may become another role for the session, which ends with them: %s', async (kind) => {
  const database = open(kind === 'pglite' ? pglite() : postgres({ url: await emptyDatabase(server) }))
  await database.migrate([])
  const becoming = 'set session authorization anon'
  expect(await database.migrate([{ version: 'becoming', sql: becoming }])).toEqual(['becoming'])
  const failing = { version: 'failing', sql: `${becoming}; select 1 / 0` }
  await expect(database.migrate([failing])).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
  const committing = { version: 'committing', sql: `${becoming}; commit; select 1 / 0` }
  await expect(database.migrate([committing])).rejects.toMatchObject({ code: 'MIGRATION_INVALID' })
  const [row] = await database.asService((tx) => tx.query('select session_user::text as login'))
  expect(row).not.toEqual({ login: 'anon' })
  expect(await database.migrate([accounts])).toEqual([accounts.version])
})

it.each(['pglite', 'postgres'])('whose time is up write nothing any more: %s', async (kind) => {
  const driver = kind === 'pglite' ? pglite() : postgres({ url: await emptyDatabase(server) })
  const database = open(driver)
  await database.migrate([accounts])
  const stop = new AbortController()
  const reason = new Error('The time is up.')
  let go = (): void => undefined
  const gone = new Promise<void>((resolve) => (go = resolve))
  let late: Promise<unknown> | undefined
  const work = driver.transaction(
    async (open) => {
      await open.exec('insert into public.accounts values (1)')
      late = gone.then(async () => {
        // Until it is refused: each moment between the abort and the end of the connection's use is hit by one.
        for (;;) await open.exec('insert into public.accounts values (2)')
      })
      stop.signal.addEventListener('abort', go)
      stop.abort(reason)
      await late
    },
    stop.signal,
    { leavesNothing: true },
  )
  await expect(work).rejects.toBe(reason)
  await expect(late).rejects.toThrow()
  const client = await database.client()
  expect((await client.query('select id from public.accounts', [])).rows).toEqual([])
})

it('pass through a transaction pooler, and leave none of their settings with its connections', async () => {
  const pooler = await startTransactionPooler(await emptyDatabase(server))
  const database = open(postgres({ url: pooler.url }))
  const dumped = { version: 'dumped', sql: `select set_config('search_path', '', false); set lock_timeout = '1s'` }
  await database.migrate([dumped])
  await expect(
    database.migrate([{ version: 'failing', sql: `${dumped.sql}; select pg_advisory_lock(4715); select 1 / 0` }]),
  ).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
  for (let round = 0; round < 3; round++) {
    const seen = `select current_setting('search_path') <> '' as path, current_setting('lock_timeout') as lock,
      exists (select from pg_locks where locktype = 'advisory' and objid = 4715) as locked`
    const rows = await database.asService((tx) => tx.query(seen))
    expect(rows).toEqual([{ path: true, lock: '0', locked: false }])
  }
  await database.close()
  await pooler.close()
})

it('that wait for a lock for too long may be tried again', async () => {
  const url = await emptyDatabase(server)
  const database = open(postgres({ url }))
  await database.migrate([accounts])
  const holder = new pg.Client({ connectionString: url })
  await holder.connect()
  await holder.query('begin; lock table public.accounts')
  const waiting = { version: 'waiting', sql: `set lock_timeout = '50ms'; alter table public.accounts add name text` }
  await expect(database.migrate([waiting])).rejects.toMatchObject({ code: 'MIGRATION_FAILED', retryable: true })
  await holder.end()
  expect(await database.migrate([waiting])).toEqual([waiting.version])
})

it('are not kept from other processes by one that was killed in the middle of a statement', async () => {
  const url = await emptyDatabase(server)
  const address = new URL(url)
  const proxy = await startChaosProxy(Number(address.port))
  address.port = String(proxy.port)
  const direct = open(postgres({ url }))
  await direct.migrate([])
  const killed = open(postgres({ url: address.href }))
  const hanging = killed.migrate([{ version: 'hangs', sql: 'select pg_sleep(300)' }]).catch((error: unknown) => error)
  await vi.waitFor(async () => {
    const asleep = `select 1 from pg_stat_activity where query = 'select pg_sleep(300)' and state = 'active'`
    expect((await (await direct.client()).query(asleep, [])).rows).toHaveLength(1)
  }, 5000)
  proxy.kill()
  expect(await hanging).toBeInstanceOf(Error)
  expect(await direct.migrate([accounts])).toEqual([accounts.version])
  await proxy.close()
  await administer(url, 'drop table accounts')
})
