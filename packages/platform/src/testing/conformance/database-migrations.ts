import { expect, it, vi } from 'vitest'
import { code, type TestedDatabase } from './database-schema.ts'

export function testMigrations(tested: TestedDatabase): void {
  const table = (name: string): string => `create table public.${name} (id int)`
  const exists = async (name: string): Promise<unknown> =>
    (
      await tested.database.asService((tx) =>
        tx.query(`select to_regclass($1) is not null as there`, [`public.${name}`]),
      )
    )[0]

  /** What a transaction sees of what others may have set for its connection. */
  const session = async (): Promise<unknown> =>
    (
      await tested.database.asService((tx) =>
        tx.query(`select current_setting('search_path') as path, current_setting('lock_timeout') as lock,
          session_user::text as login, (select relnamespace::regnamespace::text from pg_class where oid = to_regclass('notes')) as notes`),
      )
    )[0]

  it('are applied once, in the order given and not in that of their names', async () => {
    const steps = [
      { version: 'z_first', sql: table('ordered') },
      { version: 'a_second', sql: 'alter table public.ordered add column name text' },
    ]
    expect(await tested.database.migrate(steps)).toEqual(['z_first', 'a_second'])
    expect(await tested.database.migrate(steps)).toEqual([])
    const between = { version: 'b_between', sql: 'alter table public.ordered add column other text' }
    expect(await tested.database.migrate([steps[0] as never, between, steps[1] as never])).toEqual(['b_between'])
  })

  it('are refused together when two have one version', async () => {
    const steps = ['one', 'two'].map((name) => ({ version: 'same', sql: table(`refused_${name}`) }))
    await expect(tested.database.migrate(steps)).rejects.toMatchObject(code('MIGRATION_INVALID'))
    await expect(tested.database.migrate([{ version: '', sql: '' }])).rejects.toMatchObject(code('MIGRATION_INVALID'))
  })

  it.each([
    null,
    undefined,
    {},
    'text',
    [null],
    [{ version: 'no sql' }],
    ...['a\0b', 'a\u001bb', 'a\nb', ' a', 'a\u2028b', 'a\ud83d', 'a'.repeat(201)].map((version) => [
      { version, sql: '' },
    ]),
    [{ version: 'a NUL', sql: "select '\0'" }],
  ])('are refused where they are none: %j', async (migrations) => {
    await expect(tested.database.migrate(migrations as never)).rejects.toMatchObject(code('MIGRATION_INVALID'))
    expect(await exists('refused_one')).toEqual({ there: false })
  })

  it('keep nothing of one that fails, name it and its line, and stop there', async () => {
    const steps = [
      { version: 'good', sql: table('good') },
      { version: 'bad', sql: `${table('half')};\nselect 1;\nselect nothing from nowhere` },
      { version: 'never', sql: table('never') },
    ]
    await expect(tested.database.migrate(steps)).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(/The migration bad failed at line 3: .*nowhere/),
    })
    expect([await exists('good'), await exists('half'), await exists('never')]).toEqual([
      { there: true },
      { there: false },
      { there: false },
    ])
  })

  it('are refused when they have changed since, all of them before anything is applied', async () => {
    const [one, two] = ['one', 'two'].map((name) => ({ version: `kept_${name}`, sql: table(`kept_${name}`) }))
    const fresh = { version: 'kept_fresh', sql: table('kept_fresh') }
    await tested.database.migrate([one as never, two as never])
    const edited = { version: 'kept_two', sql: `${table('kept_two')};\n-- a word` }
    const steps = [fresh, one as never, edited]
    await expect(tested.database.migrate(steps)).rejects.toMatchObject({
      code: 'MIGRATION_CHANGED',
      message: expect.stringMatching(/applied: kept_two\.$/),
      hint: expect.stringContaining('add a new migration'),
    })
    expect(await exists('kept_fresh')).toEqual({ there: false })
  })

  it('may change how their lines end', async () => {
    const sql = `${table('lines')};\n\nselect 1;\n`
    expect(await tested.database.migrate([{ version: 'lines', sql }])).toEqual(['lines'])
    for (const same of [`\uFEFF${sql.replaceAll('\n', '\r\n')}`, sql.trimEnd(), sql.replaceAll('\n', '\r')]) {
      expect(await tested.database.migrate([{ version: 'lines', sql: same }])).toEqual([])
    }
  })

  it('that differ under one version are applied by one of several processes, and refused to the others', async () => {
    const processes = Array.from({ length: 3 }, () => tested.open())
    const attempts = await Promise.allSettled(
      processes.map((each, index) => each.migrate([{ version: 'rivals', sql: table(`rival_${index}`) }])),
    )
    const refused = attempts.filter(({ status }) => status === 'rejected')
    expect(refused).toMatchObject([
      { reason: { code: 'MIGRATION_CHANGED' } },
      { reason: { code: 'MIGRATION_CHANGED' } },
    ])
  })

  it('are refused when they end their transaction', async () => {
    const ending = { version: 'ending', sql: `${table('kept')}; commit; select 1` }
    await expect(tested.database.migrate([ending])).rejects.toMatchObject({
      code: 'MIGRATION_INVALID',
      hint: expect.stringContaining('before its commit was kept'),
    })
    expect(await exists('kept')).toEqual({ there: true })
    const undoing = { version: 'undoing', sql: `${table('undone')}; rollback` }
    await expect(tested.database.migrate([undoing])).rejects.toMatchObject({
      code: 'MIGRATION_INVALID',
      hint: expect.stringContaining('before its rollback was undone'),
    })
    expect(await exists('undone')).toEqual({ there: false })
  })

  it('that end their transaction and then fail say what was kept, and leave the session as it was', async () => {
    const before = await session()
    for (const [name, then] of [
      ['select', 'select nothing from nowhere'],
      ['savepoint', 'savepoint outside'],
      ['began', 'begin; select nothing from nowhere'],
      ['disguised', 'begin; savepoint msc_migration; select nothing from nowhere'],
    ]) {
      const dumped = {
        version: `dumped_${name}`,
        sql: `set search_path = ''; set lock_timeout = '1s'; select pg_advisory_lock(4714);
          create temp table notes (text text); begin; ${table(`dumped_${name}`)}; set role anon; commit;\n${then}`,
      }
      await expect(tested.database.migrate([dumped])).rejects.toMatchObject({
        code: 'MIGRATION_INVALID',
        message: expect.stringMatching(/The migration dumped_\w+ ends its transaction, and then failed.*: ./),
        hint: expect.stringContaining('before its commit was kept'),
        cause: expect.objectContaining({ severity: 'ERROR' }),
      })
      expect(await exists(`dumped_${name}`)).toEqual({ there: true })
      for (let round = 0; round < 3; round++) expect(await session()).toEqual(before)
      // A server notices a moment later that a connection is closed.
      await vi.waitFor(async () => {
        expect(
          await tested.database.asService((tx) =>
            tx.query(`select 1 from pg_locks where locktype = 'advisory' and objid = 4714`),
          ),
        ).toEqual([])
      }, 5000)
      expect(await tested.database.migrate([{ version: `after_${name}`, sql: 'select 1' }])).toEqual([`after_${name}`])
    }
  })

  it('leave no temporary table behind that would hide one of the application', async () => {
    for (const version of ['temporary_1', 'temporary_2']) {
      const sql = `create temp table notes (text text); grant all on notes to service_role; prepare asked as select 1`
      expect(await tested.database.migrate([{ version, sql }])).toEqual([version])
      for (let round = 0; round < 3; round++) expect(await session()).toMatchObject({ notes: 'public' })
    }
  })

  it('are named when the commit fails, and keep nothing', async () => {
    const sql = `${table('deferred')}; insert into public.parts values (-2)`
    await expect(tested.database.migrate([{ version: 'deferred', sql }])).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('The migration deferred failed: '),
      retryable: false,
    })
    expect(await exists('deferred')).toEqual({ there: false })
  })

  it('are not said to pass later when they never do', async () => {
    const sql = `alter type public.mood add value 'new'; create table public.moods (mood public.mood default 'new')`
    const steps = [
      { version: 'mood', sql: `create type public.mood as enum ('old')` },
      { version: 'mood_new', sql },
    ]
    await expect(tested.database.migrate(steps)).rejects.toMatchObject({ code: 'MIGRATION_FAILED', retryable: false })
  })

  it('leave no setting of the session behind', async () => {
    const dumped = {
      version: 'dumped',
      sql: `select set_config('search_path', '', false); set lock_timeout = '1s'; select pg_advisory_lock(4712)`,
    }
    expect(await tested.database.migrate([dumped])).toEqual(['dumped'])
    for (let round = 0; round < 3; round++) {
      const [row] = await tested.database.asService((tx) =>
        tx.query(`select current_setting('search_path') <> '' as path, current_setting('lock_timeout') as lock`),
      )
      expect(row).toEqual({ path: true, lock: '0' })
      const locks = await tested.database.asService((tx) =>
        tx.query(`select 1 from pg_locks where locktype = 'advisory' and objid = 4712`),
      )
      expect(locks).toEqual([])
    }
  })

  it('are applied by one of several processes, and the others wait', async () => {
    const steps = Array.from({ length: 5 }, (_, index) => ({ version: `raced_${index}`, sql: table(`raced_${index}`) }))
    const processes = Array.from({ length: 3 }, () => tested.open())
    const applied = await Promise.all(processes.map((each) => each.migrate(steps)))
    expect(applied.flat().toSorted()).toEqual(steps.map(({ version }) => version))
  })
}
