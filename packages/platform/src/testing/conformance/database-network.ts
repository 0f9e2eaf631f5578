import { expect, it, vi } from 'vitest'
import { createDatabase } from '../../database/create-database.ts'
import type { Database } from '../../database/database.ts'
import type { TestedDatabase } from './database-schema.ts'

/** What a server's driver promises while the network fails. */
export function testDatabaseNetwork(tested: TestedDatabase): void {
  const network = () => {
    const { network: found } = tested.setup
    if (!found) throw new Error('There is no network to fail.')
    return found
  }
  const withDirect = async (work: (direct: Database) => Promise<void>): Promise<void> => {
    const direct = createDatabase({ driver: network().direct() })
    await work(direct).finally(() => direct.close())
  }
  const kept = (on: Database, text: string): Promise<unknown[]> =>
    on.asService((tx) => tx.query('select text from notes where text = $1', [text]))
  const usable = async (database: Database): Promise<void> => {
    expect(await database.asService((tx) => tx.query('select 1 as one'))).toEqual([{ one: 1 }])
  }

  it.each(['kill', 'freeze'] as const)('(%s) in the middle of a transaction keeps nothing of it', async (fail) => {
    const database = tested.open({ timeoutMs: 1000 })
    const cut = database.asService(async (tx) => {
      await tx.query(`insert into notes values ('ann', $1)`, [`cut by ${fail}`])
      network()[fail]()
      await tx.query('select 1')
    })
    await expect(cut).rejects.toMatchObject({
      code: fail === 'kill' ? 'DRIVER_UNREACHABLE' : 'DEADLINE_EXCEEDED',
      retryable: true,
    })
    await usable(database)
    await withDirect(async (direct) => expect(await kept(direct, `cut by ${fail}`)).toEqual([]))
  })

  it('in the middle of a migration is said with its name', async () => {
    const database = tested.open({ timeoutMs: 30_000 })
    await withDirect(async (direct) => {
      await direct.asService(async (tx) => {
        await tx.query('select pg_advisory_xact_lock(4716)')
        const migrating = database.migrate([{ version: 'cut', sql: 'select pg_advisory_xact_lock(4716)' }])
        const refused = expect(migrating).rejects.toMatchObject({
          code: 'DRIVER_UNREACHABLE',
          message: expect.stringContaining('The migration cut was cut off: '),
        })
        await vi.waitFor(async () => {
          const waiting = `select 1 from pg_locks where locktype = 'advisory' and objid = 4716 and not granted`
          expect(await tx.query(waiting)).toHaveLength(1)
        }, 3500)
        network().kill()
        await refused
      })
    })
    await usable(database)
  })

  it('throws what the work threw when the connection is gone as well', async () => {
    const mine = new Error('mine')
    const failing = tested.database.asService(async (tx) => {
      network().kill()
      await tx.query('select 1').catch(() => undefined)
      throw mine
    })
    await expect(failing).rejects.toBe(mine)
    await usable(tested.database)
  })

  it('and refuses connections is an outage, which ends', async () => {
    const database = tested.open({ timeoutMs: 5000 })
    await usable(database)
    network().refuse(true)
    network().kill()
    for (let round = 0; round < 20; round++) {
      await expect(database.asService((tx) => tx.query('select 1'))).rejects.toMatchObject({
        code: 'DRIVER_UNREACHABLE',
        retryable: true,
      })
    }
    expect(await database.health()).toMatchObject({ status: 'down', code: 'DRIVER_UNREACHABLE' })
    network().refuse(false)
    await usable(database)
    expect(await database.health()).toMatchObject({ status: 'ready' })
  })

  it('and goes silent takes each connection once, and never the pool', async () => {
    const database = tested.open({ timeoutMs: 500 })
    for (let round = 0; round < 3; round++) {
      const silent = Array.from({ length: 15 }, () =>
        database.asService(async (tx) => {
          await tx.query('select 1')
          network().freeze()
          await tx.query('select 1')
        }),
      )
      for (const each of await Promise.allSettled(silent)) expect(each).toMatchObject({ status: 'rejected' })
      await usable(database)
    }
  }, 30_000)

  it.each(['kill', 'freeze'] as const)('(%s) during the commit says that nobody knows', async (fail) => {
    const database = tested.open({ timeoutMs: 4000 })
    await withDirect(async (direct) => {
      let release = (): void => undefined
      const held = new Promise<void>((resolve) => (release = resolve))
      let locked = (): void => undefined
      const isLocked = new Promise<void>((resolve) => (locked = resolve))
      const holding = direct.asService(async (tx) => {
        await tx.query('select pg_advisory_xact_lock(4711)')
        locked()
        await held
      })
      await isLocked
      const committing = database.asService((tx) => tx.query(`insert into slow values ('${fail}')`))
      const unknown = expect(committing).rejects.toMatchObject({ code: 'COMMIT_UNKNOWN', retryable: false })
      await vi.waitFor(async () => {
        const waiting = `select 1 from pg_locks where locktype = 'advisory' and objid = 4711 and not granted`
        expect(await direct.asService((tx) => tx.query(waiting))).toHaveLength(1)
      }, 3500)
      network()[fail]()
      await unknown
      release()
      await holding
      await usable(database)
    })
  })

  it('and comes back in the middle of many transactions has kept all of each or nothing', async () => {
    const database = tested.open({ timeoutMs: 2000 })
    const outcomes = new Map<string, string>()
    const one = async (id: string): Promise<void> => {
      try {
        await database.asService(async (tx) => {
          await tx.query('insert into notes values ($1, $2)', ['pair', `${id} left`])
          await tx.query('insert into notes values ($1, $2)', ['pair', `${id} right`])
        })
        outcomes.set(id, 'kept')
      } catch (error) {
        outcomes.set(id, (error as { code?: string }).code ?? 'none')
      }
    }
    for (let round = 0; round < 12; round++) {
      const batch = Array.from({ length: 8 }, (_, index) => one(`${round}/${index}`))
      if (round % 3 === 0) network().kill()
      if (round % 3 === 1) network().freeze()
      await Promise.all(batch)
    }
    await withDirect(async (direct) => {
      const rows = await direct.asService((tx) =>
        tx.query<{ id: string; count: number }>(
          `select split_part(text, ' ', 1) as id, count(*)::int as count from notes where owner = 'pair' group by 1`,
        ),
      )
      const found = new Map(rows.map(({ id, count }) => [id, count]))
      for (const [id, outcome] of outcomes) {
        if (outcome === 'kept') expect([id, found.get(id)]).toEqual([id, 2])
        else if (outcome === 'COMMIT_UNKNOWN') expect([2, undefined]).toContain(found.get(id))
        else expect([id, outcome, found.get(id)]).toEqual([id, outcome, undefined])
      }
      expect([...outcomes.values()].filter((each) => each === 'kept').length).toBeGreaterThan(0)
    })
  }, 60_000)
}
