import { expect, it } from 'vitest'
import { code, type TestedDatabase } from './database-schema.ts'

export function testMigrations(tested: TestedDatabase): void {
  const table = (name: string): string => `create table public.${name} (id int)`
  const exists = async (name: string): Promise<unknown> =>
    (
      await tested.database.asService((tx) =>
        tx.query(`select to_regclass($1) is not null as there`, [`public.${name}`]),
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

  it('are refused when they end their transaction', async () => {
    const ending = { version: 'ending', sql: `${table('kept')}; commit; select 1` }
    await expect(tested.database.migrate([ending])).rejects.toMatchObject(code('MIGRATION_INVALID'))
  })

  it('leave no setting of the session behind', async () => {
    const dumped = { version: 'dumped', sql: `select set_config('search_path', '', false); set lock_timeout = '1s'` }
    expect(await tested.database.migrate([dumped])).toEqual(['dumped'])
    for (let round = 0; round < 3; round++) {
      const [row] = await tested.database.asService((tx) =>
        tx.query(`select current_setting('search_path') <> '' as path, current_setting('lock_timeout') as lock`),
      )
      expect(row).toEqual({ path: true, lock: '0' })
    }
  })

  it('are applied by one of several processes, and the others wait', async () => {
    const steps = Array.from({ length: 5 }, (_, index) => ({ version: `raced_${index}`, sql: table(`raced_${index}`) }))
    const processes = Array.from({ length: 3 }, () => tested.open())
    const applied = await Promise.all(processes.map((each) => each.migrate(steps)))
    expect(applied.flat().toSorted()).toEqual(steps.map(({ version }) => version))
  })
}
