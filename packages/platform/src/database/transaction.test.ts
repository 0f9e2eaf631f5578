import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createDatabase } from './create-database.ts'
import type { Transaction } from './database.ts'
import { pglite } from './drivers/pglite.ts'

it('keeps what was committed and nothing else, whatever the work does', async () => {
  const database = createDatabase({ driver: pglite() })
  await database.migrate([
    {
      version: '1',
      sql: 'create table public.kept (id text primary key); grant all on public.kept to authenticated, service_role',
    },
  ])
  const step = fc.constantFrom('add', 'fail', 'swallow', 'service', 'service fails', 'savepoint', 'throw')
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const prefix = `r${(round += 1)}`
      let count = 0
      let alive = true
      let model: string[] = []
      const add = (tx: Transaction): Promise<unknown> =>
        tx.query('insert into kept values ($1)', [`${prefix}/${count++}`])
      const run = database.transaction({ role: 'authenticated', sub: 'x' }, async (tx) => {
        for (const each of steps) {
          const before = [...model]
          const id = `${prefix}/${count}`
          try {
            if (each === 'add') await add(tx)
            if (each === 'service') await tx.asService(add)
            if (each === 'add' || each === 'service') model.push(id)
            if (each === 'fail') {
              alive = false
              await tx.query('select 1 / 0')
            }
            if (each === 'swallow') {
              alive = false
              await tx.query('select 1 / 0').catch(() => undefined)
            }
            if (each === 'service fails')
              await tx
                .asService(async (service) => (await add(service), service.query('select 1 / 0')))
                .catch(() => undefined)
            if (each === 'savepoint') {
              await tx.query('savepoint s')
              await add(tx)
              await tx.query('rollback to savepoint s')
            }
          } catch (error) {
            model = before
            if (alive) throw error
          }
          if (each === 'throw') throw new Error('thrown')
          if (alive) {
            const [row] = await tx.query<{ role: string }>('select current_user::text as role')
            expect(row?.role).toBe('authenticated')
          }
        }
      })
      const outcome = await run.then(
        () => 'kept',
        (error: Error) => error.message,
      )
      const fails = !alive || steps.includes('throw')
      expect(outcome === 'kept').toBe(!fails)
      const rows = await database.asService((tx) =>
        tx.query<{ id: string }>(`select id from kept where id like $1 order by length(id), id`, [`${prefix}/%`]),
      )
      expect(rows.map(({ id }) => id)).toEqual(fails ? [] : model)
    }),
    { numRuns: 150 },
  )
  await database.close()
}, 60_000)

it('in PGlite leaves the event loop a turn between two of those that wait for each other', async () => {
  const database = createDatabase({ driver: pglite() })
  await database.migrate([])
  let turns = 0
  let counting = true
  const count = (): void => {
    turns += 1
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  await Promise.all(Array.from({ length: 50 }, () => database.asService((tx) => tx.query('select 1'))))
  counting = false
  // The first needs none.
  expect(turns).toBeGreaterThanOrEqual(49)
  await database.close()
})

it('says what to do in a database that was never migrated', async () => {
  const database = createDatabase({ driver: pglite() })
  const missing = { code: 'DATABASE_NOT_MIGRATED', hint: expect.stringContaining('database.migrate(') }
  await expect(database.asService((tx) => tx.query('select 1'))).rejects.toMatchObject(missing)
  await expect(database.transaction({ role: 'authenticated' }, async () => 1)).rejects.toMatchObject(missing)
  await database.close()
})
