import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type DatabaseOptions } from '../../database/create-database.ts'
import type { Claims } from '../../database/claims.ts'
import type { Database } from '../../database/database.ts'
import type { DatabaseDriver } from '../../database/driver.ts'
import { testDatabaseNetwork } from './database-network.ts'
import { SCHEMA, code, type TestedDatabase } from './database-schema.ts'
import { testMigrations } from './database-migrations.ts'
import { testAsService } from './database-service.ts'

/** What a driver is tested with. */
export interface DatabaseDriverSetup {
  /** Makes a driver of the one database of this setup, which is empty at first. The suite closes it. */
  make(): DatabaseDriver
  /** The network between `make`'s drivers and a server. */
  readonly network?: {
    /** Ends all connections. */
    kill(): void
    /** Lets all connections hang. */
    freeze(): void
    /** Refuses new connections until it is called with `false`. */
    refuse(refusing: boolean): void
    /** Makes a driver of the same database that does not use the network. */
    direct(): DatabaseDriver
  }
  close(): Promise<void>
}

/**
 * Tests what every driver of the database promises, with the engine on it.
 *
 * @param options.network True when the setup has a network; without one, nothing is tested about outages.
 */
export function testDatabaseDriver(
  name: string,
  setUp: () => Promise<DatabaseDriverSetup>,
  options: { readonly network?: boolean } = {},
): void {
  describe(`database driver: ${name}`, () => {
    let setup: DatabaseDriverSetup
    let database: Database
    const made: Database[] = []
    const open = (options: Omit<DatabaseOptions, 'driver'> = {}): Database => {
      const each = createDatabase({ ...options, driver: setup.make() })
      made.push(each)
      return each
    }
    const tested: TestedDatabase = {
      get database() {
        return database
      },
      get setup() {
        return setup
      },
      open,
    }
    beforeAll(async () => {
      setup = await setUp()
      database = open()
      await database.migrate([SCHEMA])
    }, 60_000)
    afterAll(async () => {
      for (const each of made) await each.close()
      await setup?.close()
    })

    describe('a transaction', () => testTransactions(tested))
    describe('its work as the service', () => testAsService(tested))
    describe('its time', () => testTime(tested))
    describe('its client', () => testClient(tested))
    describe('its end', () => testEnd(tested))
    describe('migrations', () => testMigrations(tested))
    if (options.network) describe('a network that fails', () => testDatabaseNetwork(tested))
  })
}

function testTransactions(tested: TestedDatabase): void {
  const add = (text: string, owner = 'ann'): Promise<unknown> =>
    tested.database.asService((tx) => tx.query('insert into notes values ($1, $2)', [owner, text]))
  const has = async (text: string): Promise<boolean> =>
    (await tested.database.asService((tx) => tx.query('select 1 from notes where text = $1', [text]))).length > 0

  it('shows a user what is theirs, and leaves no role behind', async () => {
    await add('one', 'ann')
    await add('two', 'bob')
    const seen = (sub: string): Promise<unknown[]> =>
      tested.database.transaction({ sub, role: 'authenticated' }, (tx) =>
        tx.query(
          `select text, auth.uid()::text as uid, current_user::text as role from notes where text in ('one', 'two')`,
        ),
      )
    const [ann, bob] = ['aaaaaaaa-0000-4000-8000-000000000000', 'bbbbbbbb-0000-4000-8000-000000000000'] as const
    await add('of ann', ann)
    await add('of bob', bob)
    const own = (sub: string): Promise<unknown[]> =>
      tested.database.transaction({ sub, role: 'authenticated' }, (tx) =>
        tx.query('select text, auth.uid()::text as uid, current_user::text as role from notes'),
      )
    expect(await own(ann)).toEqual([{ text: 'of ann', uid: ann, role: 'authenticated' }])
    expect(await own(bob)).toEqual([{ text: 'of bob', uid: bob, role: 'authenticated' }])
    expect(await seen(ann)).toEqual([])
    const [service] = await tested.database.asService((tx) =>
      tx.query(`select count(*)::int as count, current_user::text as role from notes where text in ('one', 'two')`),
    )
    expect(service).toEqual({ count: 2, role: 'service_role' })
  })

  it('keeps nothing of work that fails, and throws its error as it is', async () => {
    for (const thrown of [new Error('no'), 'text', undefined, null]) {
      const failing = tested.database.asService(async (tx) => {
        await tx.query(`insert into notes values ('ann', 'lost')`)
        throw thrown
      })
      await expect(failing).rejects.toBe(thrown)
    }
    expect(await has('lost')).toBe(false)
  })

  it('keeps nothing when the work swallows the error of a statement, and says so', async () => {
    const swallowing = tested.database.asService(async (tx) => {
      await tx.query(`insert into notes values ('ann', 'swallowed')`)
      await tx.query('select 1 / 0').catch(() => undefined)
      return 'done'
    })
    await expect(swallowing).rejects.toMatchObject(code('TRANSACTION_ABORTED'))
    expect(await has('swallowed')).toBe(false)
  })

  it('can go on after it has rolled back to a savepoint', async () => {
    await tested.database.asService(async (tx) => {
      await tx.query(`insert into notes values ('ann', 'before the savepoint')`)
      await tx.query('savepoint here')
      await expect(tx.query('select 1 / 0')).rejects.toMatchObject(code('DATABASE_VALUE_INVALID'))
      await expect(tx.query('select 1')).rejects.toMatchObject(code('TRANSACTION_ABORTED'))
      await tx.query('rollback to savepoint here')
    })
    expect(await has('before the savepoint')).toBe(true)
  })

  it('names what is wrong with a value without the value', async () => {
    const failed: unknown = await add('secret\u0000').catch((error: unknown) => error)
    expect(failed).toMatchObject(code('DATABASE_VALUE_INVALID'))
    expect(`${failed}`).not.toContain('secret')
    await add('twice')
    await expect(add('twice')).rejects.toMatchObject(code('DATABASE_CONFLICT'))
    const user: Claims = { sub: 'ann', role: 'authenticated' }
    await expect(tested.database.transaction(user, (tx) => tx.query('delete from notes'))).rejects.toMatchObject(
      code('DATABASE_FORBIDDEN'),
    )
    await expect(tested.database.asService((tx) => tx.query('select nothing'))).rejects.toMatchObject({
      code: 'DRIVER_FAILED',
      retryable: false,
      hint: expect.stringContaining('SQLSTATE 42703'),
    })
  })

  it('sends one statement at a time, and none that begins or ends it', async () => {
    const send = (sql: string): Promise<unknown> => tested.database.asService((tx) => tx.query(sql))
    await expect(send(`select 1; insert into notes values ('ann', 'second')`)).rejects.toThrow(/multiple commands/)
    expect(await has('second')).toBe(false)
    for (const sql of [
      'commit',
      ' ;; /* so */ -- and so\nROLLBACK',
      'end',
      'begin',
      'start transaction',
      'abort work',
    ]) {
      await expect(send(sql)).rejects.toMatchObject(code('TRANSACTION_STATEMENT'))
    }
  })

  it('refuses statements once it is over, also those that were not awaited', async () => {
    let kept: { query(sql: string): Promise<unknown> } | undefined
    await tested.database.asService(async (tx) => void (kept = tx))
    await expect(kept?.query('select 1')).rejects.toMatchObject(code('TRANSACTION_OVER'))
    await expect(
      tested.database.asService(async (tx) => {
        kept = tx
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    await expect(kept?.query('select 1')).rejects.toMatchObject(code('TRANSACTION_OVER'))
  })

  it('acts for nobody but the three roles, and for no name that is no text', async () => {
    for (const claims of [
      { role: 'postgres' },
      { role: 'none' },
      {},
      null,
      { role: 'anon', app_metadata: { much: 'x'.repeat(20_000) } },
      { role: 'authenticated', sub: 5 },
      { role: 'authenticated', sub: 'ann', session_id: null },
    ]) {
      await expect(tested.database.transaction(claims as never, async () => 'ran')).rejects.toMatchObject(
        code('DATABASE_CLAIMS_INVALID'),
      )
    }
  })

  it('throws what the database says to the commit', async () => {
    const adding = tested.database.asService((tx) => tx.query(`insert into parts (whole) values (-1)`))
    await expect(adding).rejects.toMatchObject(code('DATABASE_CONFLICT'))
    expect(await tested.database.asService((tx) => tx.query('select 1 from parts'))).toEqual([])
  })
}

function testTime(tested: TestedDatabase): void {
  it('ends, also while the work hangs, and keeps nothing', async () => {
    const hanging = tested.database.asService(
      async (tx) => {
        await tx.query(`insert into notes values ('ann', 'hung')`)
        await new Promise(() => undefined)
      },
      { timeoutMs: 300 },
    )
    await expect(hanging).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED', retryable: true })
    expect(await tested.database.asService((tx) => tx.query(`select 1 from notes where text = 'hung'`))).toEqual([])
  })

  it('refuses statements of work that goes on after the end', async () => {
    let go = (): void => undefined
    const gone = new Promise<void>((resolve) => (go = resolve))
    let late: Promise<unknown> | undefined
    const ended = tested.database.asService(
      async (tx) => {
        await gone
        late = tx.query(`insert into notes values ('ann', 'late')`)
        await late
      },
      { timeoutMs: 100 },
    )
    await expect(ended).rejects.toMatchObject(code('DEADLINE_EXCEEDED'))
    go()
    await Promise.resolve()
    await expect(late).rejects.toMatchObject(code('TRANSACTION_OVER'))
  })

  it('ends for transactions inside each other that take all connections, and says why', async () => {
    // Long enough for all to have begun on a busy machine.
    const database = tested.open({ timeoutMs: 3000 })
    let begun = 0
    let all = (): void => undefined
    const every = new Promise<void>((resolve) => (all = resolve))
    const most = database.driverName === 'pglite' ? 1 : 10
    const nested = Array.from({ length: most }, () =>
      database.asService(async () => {
        if ((begun += 1) === most) all()
        await every
        return database.asService(async () => 'inner', { timeoutMs: 60_000 })
      }),
    )
    for (const each of await Promise.allSettled(nested)) {
      expect(each).toMatchObject({
        status: 'rejected',
        reason: { code: 'DEADLINE_EXCEEDED', hint: expect.stringMatching(/second transaction/) },
      })
    }
    expect(await database.asService((tx) => tx.query('select 1 as one'))).toEqual([{ one: 1 }])
  })

  it('ends with the signal of the caller, and with its reason', async () => {
    const stop = new AbortController()
    const reason = new Error('the request has gone')
    const running = tested.database.asService(
      async (tx) => {
        await tx.query('select 1')
        stop.abort(reason)
        await new Promise(() => undefined)
      },
      { signal: stop.signal },
    )
    await expect(running).rejects.toBe(reason)
    await expect(tested.database.asService(async () => 'ran', { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    )
  })

  it('must be a number', async () => {
    for (const timeoutMs of [Number.NaN, 0, '5' as never]) {
      await expect(async () => tested.database.asService(async () => 'ran', { timeoutMs })).rejects.toMatchObject(
        code('OPTION_INVALID'),
      )
    }
  })
}

function testClient(tested: TestedDatabase): void {
  it('hears notifications of what was committed, and no others', async () => {
    const { listen } = await import('@msc/core/postgres')
    const heard: string[] = []
    let hear = (): void => undefined
    const last = new Promise<void>((resolve) => (hear = resolve))
    const stop = await listen(await tested.database.client(), 'msc_conformance', {
      name: '[msc/database] conformance',
      onNotice: (payload) => (heard.push(payload), payload === 'last' && hear()),
      onListening: () => undefined,
    })
    const send = (text: string, fail = false): Promise<unknown> =>
      tested.database.asService(async (tx) => {
        await tx.query(`select pg_notify('msc_conformance', $1)`, [text])
        if (fail) throw new Error('no')
      })
    await send('first')
    await send('lost', true).catch(() => undefined)
    await send('last')
    await last
    expect(heard).toEqual(['first', 'last'])
    await stop()
  })
}

function testEnd(tested: TestedDatabase): void {
  it('waits for what runs, and refuses what comes after', async () => {
    const database = tested.open()
    let go = (): void => undefined
    const gone = new Promise<void>((resolve) => (go = resolve))
    const running = database.asService(async (tx) => {
      await gone
      return tx.query('select 1 as one')
    })
    expect(await database.health()).toMatchObject({ concern: 'database', status: expect.stringMatching(/ready|down/) })
    const closing = database.close()
    go()
    expect(await running).toEqual([{ one: 1 }])
    await closing
    const refused = code('DATABASE_CLOSED')
    await expect(database.asService(async () => 'ran')).rejects.toMatchObject(refused)
    await expect(database.migrate([])).rejects.toMatchObject(refused)
    await expect(database.client()).rejects.toMatchObject(refused)
    expect(await database.health()).toMatchObject({ status: 'down' })
  })

  it('ends what does not end in time', async () => {
    const database = tested.open()
    const running = database.asService(async (tx) => {
      await tx.query(`insert into notes values ('ann', 'unfinished')`)
      await new Promise(() => undefined)
    })
    const rejected = expect(running).rejects.toMatchObject(code('DATABASE_CLOSED'))
    await database.close({ timeoutMs: 100 })
    await rejected
    expect(await tested.database.asService((tx) => tx.query(`select 1 from notes where text = 'unfinished'`))).toEqual(
      [],
    )
  })

  it('is no fault of its health before', async () => {
    expect(await tested.database.health()).toMatchObject({ concern: 'database', status: 'ready' })
  })
}
