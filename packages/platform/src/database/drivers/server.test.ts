import { listen } from '@msc/core/postgres'
import { startPostgres, startTransactionPooler, type RunningPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { administer, emptyDatabase } from '../__fixtures__/databases.ts'
import { createDatabase } from '../create-database.ts'
import type { Database } from '../database.ts'
import type { DatabaseDriver } from '../driver.ts'
import { postgres } from './postgres.ts'
import { supabase } from './supabase.ts'

let server: RunningPostgres
beforeAll(async () => {
  server = await startPostgres()
}, 60_000)
afterAll(() => server?.close())

describe('on a server', () => {
  const opened: Database[] = []
  const open = (driver: DatabaseDriver, timeoutMs?: number): Database => {
    const database = createDatabase({ driver, ...(timeoutMs !== undefined && { timeoutMs }) })
    opened.push(database)
    return database
  }
  afterAll(() => Promise.all(opened.map((each) => each.close())))

  it('a login role without the roles of Supabase says what an administrator has to run, which then suffices', async () => {
    const other = await startPostgres()
    const asAdmin = other.url
    await administer(asAdmin, 'create role plain login', 'create database plain owner plain')
    const database = open(postgres({ url: asAdmin.replace('//msc@', '//plain@').replace(/postgres$/, 'plain') }))
    const refused: unknown = await database.migrate([]).catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 'DATABASE_ROLES_MISSING', hint: expect.stringContaining('create role anon') })
    const [, statements = ''] = /missing of: (.*)$/.exec((refused as { hint: string }).hint) ?? []
    await administer(asAdmin, statements.replace('<the login role>', 'plain'))
    expect(await database.migrate([])).toEqual(['platform', 'platform_2'])
    expect(await database.asService((tx) => tx.query('select current_user::text as role'))).toEqual([
      { role: 'service_role' },
    ])
    await database.close()
    await other.close()
  }, 60_000)

  it('a service_role that does not bypass row level security is refused, as it would see nothing', async () => {
    const other = await startPostgres()
    await administer(other.url, 'create role service_role nologin')
    const database = open(postgres({ url: other.url }))
    await expect(database.migrate([])).rejects.toMatchObject({
      code: 'DATABASE_ROLES_MISSING',
      hint: expect.stringContaining('alter role service_role bypassrls'),
    })
    await database.close()
    await other.close()
  }, 60_000)

  it('a login role that may create roles makes those that are missing, and becomes a member of all', async () => {
    const other = await startPostgres()
    await administer(
      other.url,
      'create role creator login createrole',
      // Before Postgres 16, only a superuser may make this one.
      'create role service_role nologin noinherit bypassrls',
      'create database creators owner creator',
    )
    const url = other.url.replace('//msc@', '//creator@').replace(/postgres$/, 'creators')
    const database = open(postgres({ url }))
    expect(await database.migrate([])).toEqual(['platform', 'platform_2'])
    expect(await database.transaction({ role: 'anon' }, (tx) => tx.query('select auth.role() as role'))).toEqual([
      { role: 'anon' },
    ])
    await database.close()
    await other.close()
  }, 60_000)

  it('two databases of a fresh one are migrated at once', async () => {
    const other = await startPostgres()
    const names = ['left', 'right']
    for (const name of names) await administer(other.url, `create database "${name}"`)
    const both = names.map((name) => open(postgres({ url: other.url.replace(/postgres$/, name) })))
    expect(await Promise.all(both.map((each) => each.migrate([])))).toEqual([
      ['platform', 'platform_2'],
      ['platform', 'platform_2'],
    ])
    await Promise.all(both.map((each) => each.close()))
    await other.close()
  }, 60_000)

  it.each(['fresh', 'of an earlier version'])(
    'one that is %s is migrated by several at once, of whom each finds what another has applied',
    async (state) => {
      const url = await emptyDatabase(server)
      const steps = ['first', 'second'].map((version) => ({ version, sql: `create table public.${version} (id int)` }))
      if (state !== 'fresh') {
        await open(postgres({ url })).migrate(steps.slice(0, 1))
        await administer(
          url,
          'drop schema msc_migrations cascade',
          'create schema supabase_migrations',
          'create table supabase_migrations.schema_migrations (version text not null primary key)',
          `insert into supabase_migrations.schema_migrations values ('platform'), ('first')`,
        )
      }
      // All look before the first one has the lock, as processes that start together do.
      const pool = new pg.Pool({ connectionString: url, max: 1 })
      await pool.query('select pg_advisory_lock(4721120731)')
      const databases = [1, 2, 3].map(() => open(postgres({ url })))
      const migrating = Promise.all(databases.map((each) => each.migrate(steps)))
      const waiting = `select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`
      await vi.waitFor(async () => expect((await pool.query<{ n: number }>(waiting)).rows[0]?.n).toBe(3), 10_000)
      await pool.end()
      const applied = (await migrating).flat()
      const expected = state === 'fresh' ? ['first', 'platform', 'platform_2', 'second'] : ['platform_2', 'second']
      expect(applied.toSorted()).toEqual(expected)
    },
  )

  it('one that has another isolation by default shows under a lock what was done before', async () => {
    const url = await emptyDatabase(server)
    const { pathname } = new URL(url)
    await administer(
      server.url,
      `alter database ${pathname.slice(1)} set default_transaction_isolation = 'repeatable read'`,
    )
    const database = open(postgres({ url }))
    await database.migrate([
      { version: 'counts', sql: 'create table public.counts (n int); insert into counts values (0)' },
    ])
    const add = (): Promise<unknown> =>
      database.asService(async (tx) => {
        await tx.query('select pg_advisory_xact_lock(4715)')
        await tx.query('update counts set n = (select n from counts) + 1')
      })
    await Promise.all(Array.from({ length: 8 }, add))
    expect(await database.asService((tx) => tx.query('select n from counts'))).toEqual([{ n: 8 }])
  })

  it('one that only reads is down, and says what to do', async () => {
    const url = await emptyDatabase(server)
    const { pathname } = new URL(url)
    const database = open(postgres({ url }))
    await database.migrate([])
    await administer(server.url, `alter database ${pathname.slice(1)} set default_transaction_read_only = on`)
    const readOnly = open(postgres({ url }))
    expect(await readOnly.health()).toMatchObject({ status: 'down', code: 'DRIVER_READ_ONLY' })
    await expect(readOnly.asService((tx) => tx.query('create table public.x (id int)'))).rejects.toMatchObject({
      code: expect.stringMatching(/DRIVER_READ_ONLY|DATABASE_FORBIDDEN/),
    })
  })

  it('a statement ends soon after its client has given up, and so does a transaction of a client that hangs', async () => {
    const url = await emptyDatabase(server)
    const database = open(postgres({ url }), 700)
    await database.migrate([])
    const [row] = await database.asService((tx) =>
      tx.query(`select current_setting('statement_timeout') as statement,
        current_setting('idle_in_transaction_session_timeout') as idle`),
    )
    expect(row).toEqual({ statement: '1700ms', idle: '1700ms' })
    await expect(database.asService((tx) => tx.query('select pg_sleep(60)'))).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    })
    const watching = open(postgres({ url }))
    await vi.waitFor(async () => {
      const asleep = `select 1 from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'`
      expect(await watching.asService((tx) => tx.query(asleep))).toEqual([])
    }, 5000)
    const [after] = await database.asService((tx) => tx.query(`select current_setting('lock_timeout') as lock`))
    expect(after).toEqual({ lock: '0' })
  })

  it('work that is in its own way is told to run again', async () => {
    const database = open(postgres({ url: await emptyDatabase(server) }))
    await database.migrate([
      {
        version: '1',
        sql: 'create table public.n (id int primary key, n int); insert into public.n values (1, 0), (2, 0); grant all on public.n to service_role',
      },
    ])
    let arrive = (): void => undefined
    let arrived = 0
    const both = new Promise<void>((resolve) => (arrive = resolve))
    const cross = (first: number, second: number): Promise<unknown> =>
      database.asService(async (tx) => {
        await tx.query('update n set n = n + 1 where id = $1', [first])
        if ((arrived += 1) === 2) arrive()
        await both
        await tx.query('update n set n = n + 1 where id = $1', [second])
      })
    const outcomes = await Promise.allSettled([cross(1, 2), cross(2, 1)])
    const [failed] = outcomes.filter(({ status }) => status === 'rejected')
    expect(failed).toMatchObject({ reason: { code: 'CONTENDED', retryable: true } })
  })

  it('a transaction pooler carries transactions, but not those who listen', async () => {
    const url = await emptyDatabase(server)
    await open(postgres({ url })).migrate([])
    const pooler = await startTransactionPooler(url)
    const database = open(postgres({ url: pooler.url }))
    for (let round = 0; round < 5; round++) {
      expect(await database.asService((tx) => tx.query('select current_user::text as role'))).toEqual([
        { role: 'service_role' },
      ])
    }
    const listening = listen(await database.client(), 'anything', {
      name: '[msc/database]',
      onNotice: () => undefined,
      onListening: () => undefined,
    })
    await expect(listening).rejects.toMatchObject({ code: 'POSTGRES_POOLED' })
    await database.close()
    await pooler.close()
  }, 30_000)

  it('Supabase’s transaction pooler is refused to those who listen, and its session pooler is not', async () => {
    const at = (port: number): Database =>
      open(supabase({ url: `postgres://postgres.ref:secret@aws-0-eu.pooler.supabase.com:${port}/postgres` }))
    await expect(at(6543).client()).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'POSTGRES_POOLED',
      hint: expect.stringContaining('port 5432 instead of 6543'),
    })
    expect(await at(5432).client()).toMatchObject({ query: expect.any(Function) })
  })
})
