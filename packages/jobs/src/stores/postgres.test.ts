import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createManualClock, startChaosProxy } from '@msc/core/testing'
import { createJobs } from '../create-jobs.ts'
import { defineJob } from '../define-job.ts'
import { embedded } from '../drivers/embedded.ts'
import {
  startLeavingPostgres,
  startPostgres,
  startTransactionPooler,
  type RunningPostgres,
} from '@msc/core/testing/postgres'
import { testJobStore, testJobsDriver } from '../testing/conformance/index.ts'
import { listen } from '@msc/core/postgres'
import type { PostgresClient } from './postgres-client.ts'
import { postgresStore } from './postgres.ts'

const go = [{ event: 'test/go' }]

it('lives through a database that goes with the very packet that says it is ready', async () => {
  const server = await startLeavingPostgres()
  const pool = new pg.Pool({ connectionString: server.url })
  pool.on('error', () => undefined)
  // The connection's own `error` event would fail this run as an uncaught exception.
  const stop = await listen(pool as unknown as PostgresClient, 'jobs', {
    name: 'test',
    onNotice() {},
    onListening() {},
    clock: createManualClock(),
  })
  await stop()
  await pool.end()
  await server.close()
})

describe.skipIf(process.env['MSC_SKIP_POSTGRES'])('with a Postgres', () => {
  let server: RunningPostgres
  let admin: pg.Pool
  let count = 0
  beforeAll(async () => {
    server = await startPostgres()
    admin = new pg.Pool({ connectionString: server.url, max: 1 })
  })
  // A test that fails while the server is paused must not fail those after it.
  afterEach(() => server.resume())
  afterAll(async () => {
    await admin.end()
    await server.close()
  })

  /** A database of its own for each test: quicker than emptying one. */
  const database = async (): Promise<string> => {
    const name = `test_${(count += 1)}`
    await admin.query(`create database ${name}`)
    return server.url.replace(/postgres$/, name)
  }

  testJobStore('postgres', async () => {
    const store = postgresStore({ url: await database() })
    return { store, close: () => store.close() }
  })

  testJobsDriver('embedded on postgres', async (clock) => ({
    driver: embedded({ store: postgresStore({ url: await database() }), clock }),
    close: async () => {},
  }))

  it.each(['releases', 'releasesChanged'])('listens to a channel in the case of its name: %s', async (channel) => {
    const pool = new pg.Pool({ connectionString: await database(), max: 2 })
    pool.on('error', () => undefined)
    const received = withResolvers<string>()
    const stop = await listen(pool as unknown as PostgresClient, channel, {
      name: 'test',
      onNotice: received.resolve,
      onListening() {},
    })
    await pool.query('select pg_notify($1, $2)', [channel, 'new'])
    expect(await received.promise).toBe('new')
    await stop()
    await pool.end()
  })

  it('refuses a pool in which those that listen would leave no connection for statements', async () => {
    const pool = new pg.Pool({ connectionString: await database(), max: 2 })
    pool.on('error', () => undefined)
    const client = pool as unknown as PostgresClient
    const more = { name: '[msc/realtime] [feed]', onNotice() {}, onListening() {} }
    const stop = await listen(client, 'one', more)
    await expect(listen(client, 'two', more)).rejects.toMatchObject({
      code: 'REALTIME_POOL_TOO_SMALL',
      message: '[msc/realtime] The pool has 2 connections and needs 3.',
    })
    await stop()
    await (
      await listen(client, 'two', more)
    )()
    await pool.end()
  })

  it('lets the application end its pool first, and says that the order is wrong', async () => {
    const pool = new pg.Pool({ connectionString: await database(), max: 3 })
    pool.on('error', () => undefined)
    const job = defineJob({ id: 'job', triggers: go }, () => undefined)
    const jobs = createJobs({ jobs: [job], driver: embedded({ store: postgresStore({ client: pool }) }), onError() {} })
    await jobs.start()
    // It waits for the connection that listens.
    await pool.end()
    await expect(jobs.send('test/go', {})).rejects.toMatchObject({ code: 'DRIVER_CLOSED', retryable: false })
    await jobs.close()
  })

  describe('several workers', () => {
    it('run each of a thousand jobs once, and no more of a key at a time than its limit', async () => {
      const url = await database()
      const ran = new Map<string, number>()
      const working = new Map<string, number>()
      let most = 0
      let meet = (): void => {}
      const two = new Promise<void>((resolve) => (meet = resolve))
      const job = defineJob<{ key: string }>(
        { id: 'job', triggers: go, concurrency: { limit: 2, key: 'data.key' } },
        async ({ event, step, runId }) => {
          await step.run('count', async () => {
            const { key } = event.data
            working.set(key, (working.get(key) ?? 0) + 1)
            most = Math.max(most, working.get(key) as number)
            ran.set(runId, (ran.get(runId) ?? 0) + 1)
            // That two of a key run at once must not be left to the machine's speed.
            if (most === 2) meet()
            if (key === 'k0') await two
            await new Promise((resolve) => setImmediate(resolve))
            working.set(key, (working.get(key) as number) - 1)
          })
        },
      )
      const engines = Array.from({ length: 3 }, () =>
        createJobs({ jobs: [job], driver: embedded({ store: postgresStore({ url, maxConnections: 3 }) }) }),
      )
      const [first] = engines
      await first?.sendMany(Array.from({ length: 1000 }, (_, n) => ({ name: 'test/go', data: { key: `k${n % 20}` } })))
      await Promise.all(engines.map((engine) => engine.start()))
      await expect
        .poll(
          async () => (await first?.depth())?.reduce((sum, each) => sum + each.queued + each.running + each.waiting, 0),
          {
            timeout: 60_000,
            interval: 100,
          },
        )
        .toBe(0)
      expect(ran.size).toBe(1000)
      expect(Math.max(...ran.values())).toBe(1)
      expect(most).toBe(2)
      await Promise.all(engines.map((engine) => engine.close()))
    })

    it('make its tables together, when all of them have looked before the first one did', async () => {
      const url = await database()
      const lock = new pg.Pool({ connectionString: url, max: 1 })
      await lock.query('select pg_advisory_lock(6071103)')
      const stores = [1, 2, 3].map(() => postgresStore({ url }))
      const opening = Promise.all(stores.map((store) => store.gates(['a'])))
      const waiting = `select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`
      await vi.waitFor(async () => expect((await lock.query<{ n: number }>(waiting)).rows[0]?.n).toBe(3), 10_000)
      await lock.end()
      expect((await opening).flat().map(({ version }) => version)).toEqual([0, 0, 0])
      await Promise.all(stores.map((store) => store.close()))
    })

    it('hear at once of what another process has sent', async () => {
      const url = await database()
      const ended = withResolvers<void>()
      const job = defineJob({ id: 'job', triggers: go }, () => ended.resolve())
      const worker = createJobs({ jobs: [job], driver: embedded({ store: postgresStore({ url }), pollMs: 600_000 }) })
      const sender = createJobs({ jobs: [job], driver: embedded({ store: postgresStore({ url }) }) })
      await worker.start()
      await sender.send('test/go', {})
      await ended.promise
      await worker.close()
      await sender.close()
    })
  })

  describe('a transaction of the caller', () => {
    it('sends the event when it commits, and never when it does not', async () => {
      const url = await database()
      const pool = new pg.Pool({ connectionString: url, max: 3 })
      const job = defineJob({ id: 'job', triggers: go }, () => {})
      const jobs = createJobs({ jobs: [job], driver: embedded({ store: postgresStore({ client: pool }) }) })
      const client = await pool.connect()
      await client.query('begin')
      await jobs.send('test/go', {}, { id: 'gone', transaction: client })
      await client.query('rollback')
      await client.query('begin')
      await jobs.send('test/go', {}, { id: 'kept', transaction: client })
      expect(await jobs.run('kept.job')).toBeUndefined()
      await client.query('commit')
      expect((await jobs.runs()).map(({ id }) => id)).toEqual(['kept.job'])
      client.release()
      await jobs.close()
      await pool.end()
    })
  })

  it('is silent on every connection while it is paused, on those that are being made too', async () => {
    for (let round = 0; round < 12; round++) {
      const clients = Array.from({ length: 6 }, () => new pg.Client({ connectionString: server.url }))
      for (const client of clients) client.on('error', () => undefined)
      const connected = clients.map((client) => client.connect())
      // The server is somewhere between the first and the last of its forks.
      if (round % 2) await Promise.race(connected)
      server.pause()
      let answers = 0
      const asked = clients.map((client) => client.query('select 1').then(() => (answers += 1)))
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(answers).toBe(0)
      server.resume()
      await Promise.all([...connected, ...asked])
      await Promise.all(clients.map((client) => client.end()))
    }
  })

  describe('when it is away', () => {
    it('says so within the deadline, and goes on when it is back', async () => {
      const url = await database()
      const ran: string[] = []
      const job = defineJob({ id: 'job', triggers: go }, ({ event }) => void ran.push(event.id))
      const driver = embedded({ store: postgresStore({ url, timeoutMs: 500 }), pollMs: 50 })
      const jobs = createJobs({ jobs: [job], driver, timeoutMs: 400 })
      await jobs.start()
      await jobs.send('test/go', {}, { id: 'before' })
      await expect.poll(() => ran).toEqual(['before'])
      server.pause()
      await expect(jobs.send('test/go', {}, { id: 'during' })).rejects.toMatchObject({ retryable: true })
      expect((await jobs.health({ timeoutMs: 200 })).status).toBe('down')
      server.resume()
      // The connections on which it was silent have ended, and a new one is made within the deadline or after it.
      const again = (): Promise<boolean> =>
        jobs.send('test/go', {}, { id: 'during' }).then(
          () => true,
          () => false,
        )
      await expect.poll(again, { timeout: 5000 }).toBe(true)
      await jobs.send('test/go', {}, { id: 'after' })
      // A claim that the silent server carried out later left its runs with a worker that never heard of them.
      await expect.poll(() => ran.toSorted()).toEqual(['after', 'before', 'during'])
      await jobs.close()
    })

    it.each(['a pool of its own', 'a pool of the caller'])(
      'gets over a network that swallows everything, on %s',
      async (whose) => {
        const network = await startChaosProxy(Number(new URL(server.url).port))
        const url = (await database()).replace(/:\d+\//, `:${network.port}/`)
        const pool = new pg.Pool({ connectionString: url, max: 3 })
        pool.on('error', () => undefined)
        const settings = whose === 'a pool of the caller' ? { client: pool } : { url, maxConnections: 3 }
        const ran: string[] = []
        const job = defineJob({ id: 'job', triggers: go }, ({ event }) => void ran.push(event.id))
        const driver = embedded({ store: postgresStore({ ...settings, timeoutMs: 1000 }), pollMs: 100 })
        const jobs = createJobs({ jobs: [job], driver, onError() {} })
        await jobs.start()
        await jobs.send('test/go', {}, { id: 'before' })
        await expect.poll(() => ran).toEqual(['before'])
        await Promise.all(Array.from({ length: 9 }, () => jobs.depth()))
        expect(network.connections).toBe(3)
        network.freeze()
        const send = (): Promise<boolean> =>
          jobs.send('test/go', {}, { id: 'during' }).then(
            () => true,
            () => false,
          )
        await expect.poll(send, { timeout: 15_000 }).toBe(true)
        await expect.poll(() => ran, { timeout: 15_000 }).toEqual(['before', 'during'])
        // Each connection that has gone silent costs one statement more.
        await expect.poll(async () => (await jobs.health()).status, { timeout: 15_000 }).toBe('ready')
        await jobs.close()
        await pool.end()
        await network.close()
      },
    )

    it('notices that the connection which listens has gone silent', async () => {
      const network = await startChaosProxy(Number(new URL(server.url).port))
      const url = await database()
      const clock = createManualClock()
      const store = postgresStore({ url: url.replace(/:\d+\//, `:${network.port}/`), clock })
      const sender = createJobs({
        jobs: [defineJob({ id: 'job', triggers: go }, () => {})],
        driver: embedded({ store: postgresStore({ url }) }),
      })
      let heard = 0
      const stop = await store.subscribe?.(() => (heard += 1))
      expect(heard).toBe(1)
      network.freeze()
      // It listens again, and may have missed something. The pool has another silent connection to offer first.
      const later = async (): Promise<number> => {
        await clock.advance(500)
        return heard
      }
      await expect.poll(later, { timeout: 15_000 }).toBe(2)
      await sender.send('test/go', {})
      await expect.poll(() => heard, { timeout: 5000 }).toBe(3)
      await stop?.()
      await sender.close()
      await store.close()
      await network.close()
    })

    it('does not wait for ever for tables that nobody answers about', async () => {
      const network = await startChaosProxy(Number(new URL(server.url).port))
      const url = await database()
      const pool = new pg.Pool({ connectionString: url.replace(/:\d+\//, `:${network.port}/`), max: 2 })
      pool.on('error', () => undefined)
      await pool.query('select 1')
      const store = postgresStore({ client: pool, timeoutMs: 1000 })
      network.freeze()
      await expect(store.nextDue()).rejects.toMatchObject({ name: 'DeadlineError' })
      await expect.poll(() => store.nextDue().catch(() => 'late'), { timeout: 15_000 }).toBeUndefined()
      await store.close()
      await pool.end()
      await network.close()
    })

    it.each(['a pool of its own', 'a pool of the caller'])(
      'uses no more connections when a lock is in the way than it may have, on %s',
      async (whose) => {
        const url = await database()
        const named = `${url}?application_name=msc-jobs`
        const pool = new pg.Pool({ connectionString: named, max: 3 })
        const store = postgresStore({
          ...(whose === 'a pool of the caller' ? { client: pool } : { url: named, maxConnections: 3 }),
          timeoutMs: 300,
        })
        // The first call makes the tables too, which may take longer than one statement may.
        await expect
          .poll(() =>
            store.nextDue().then(
              () => 'ready',
              () => 'late',
            ),
          )
          .toBe('ready')
        const watch = new pg.Pool({ connectionString: url, max: 2 })
        watch.on('error', () => undefined)
        const lock = await watch.connect()
        await lock.query('begin; lock table msc_jobs.runs in access exclusive mode')
        const backends = async (): Promise<number> => {
          const { rows } = await watch.query<{ count: string }>(
            `select count(*) from pg_stat_activity where application_name = 'msc-jobs' and datname = current_database()`,
          )
          return Number(rows[0]?.count)
        }
        let most = 0
        for (let round = 0; round < 10; round++) {
          const asked = await Promise.allSettled(Array.from({ length: 3 }, () => store.nextDue()))
          expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
          most = Math.max(most, await backends())
        }
        // Those that are being cancelled, and those that take their place.
        expect(most).toBeLessThanOrEqual(6)
        await lock.query('rollback')
        await expect.poll(() => store.nextDue().catch(() => 'late'), { timeout: 5000 }).toBeUndefined()
        await expect.poll(backends).toBeLessThanOrEqual(3)
        lock.release()
        await store.close()
        await Promise.all([pool.end(), watch.end()])
      },
    )

    it('is down where nothing can be written, with the remedy, and ready again by itself', async () => {
      const url = await database()
      const name = new URL(url).pathname.slice(1)
      const job = defineJob({ id: 'job', triggers: go }, () => {})
      const pool = new pg.Pool({ connectionString: url, max: 3 })
      const driver = embedded({ store: postgresStore({ client: pool }), pollMs: 60_000 })
      const jobs = createJobs({ jobs: [job], driver, onError() {} })
      await jobs.send('test/go', {})
      expect((await jobs.health()).status).toBe('ready')
      const settle = async (mode: 'on' | 'off'): Promise<void> => {
        await admin.query(`alter database ${name} set default_transaction_read_only = ${mode}`)
        // It holds for connections that are made from now on.
        await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [name])
      }
      await settle('on')
      await expect
        .poll(() => jobs.health().then(({ status, code, hint }) => [status, code, hint]))
        .toEqual(['down', 'DRIVER_READ_ONLY', expect.stringMatching(/primary/)])
      await expect
        .poll(() => jobs.send('test/go', {}).catch((error: unknown) => error))
        .toMatchObject({ code: 'DRIVER_READ_ONLY', retryable: true })
      await settle('off')
      await expect.poll(async () => (await jobs.health()).status, { timeout: 5000 }).toBe('ready')
      await pool.query('alter schema msc_jobs rename to elsewhere')
      expect(await jobs.health()).toMatchObject({ status: 'down', detail: expect.stringMatching(/does not exist/) })
      await pool.query('alter schema elsewhere rename to msc_jobs')
      await pool.query('create role reader')
      await pool.query(
        'grant usage on schema msc_jobs to reader; grant select on all tables in schema msc_jobs to reader',
      )
      await pool.query(`alter database ${name} set role = reader`)
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [name])
      await expect
        .poll(() => jobs.health().then(({ status, code }) => [status, code]))
        .toEqual(['down', 'DRIVER_UNAUTHORIZED'])
      await admin.query(`alter database ${name} reset role`)
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [name])
      await expect.poll(async () => (await jobs.health()).status, { timeout: 5000 }).toBe('ready')
      await jobs.close()
      await pool.end()
    })

    it('lets go of its connections whatever becomes of what it has open', async () => {
      const store = postgresStore({ url: await database() })
      const closed: string[] = []
      const driver = embedded({
        store: {
          ...store,
          release: () => Promise.reject(new Error('the table is locked')),
          async close() {
            await store.close()
            closed.push('store')
          },
        },
      })
      const errors: string[] = []
      const jobs = createJobs({
        jobs: [defineJob({ id: 'job', triggers: go }, () => {})],
        driver,
        onError: ({ message }) => void errors.push(message),
      })
      await jobs.start()
      await jobs.close()
      expect(closed).toEqual(['store'])
      expect(errors).toEqual([expect.stringMatching(/the table is locked/)])
    })

    it('survives that the server ends an idle connection of a pool that has no listener for it', async () => {
      const url = await database()
      const pool = new pg.Pool({ connectionString: url, max: 2 })
      const store = postgresStore({ client: pool })
      await store.nextDue()
      const ended = new Promise((resolve) => pool.on('remove', resolve))
      // An `error` event without a listener would fail this run as an uncaught exception.
      await admin.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, [
        new URL(url).pathname.slice(1),
      ])
      await ended
      expect(await store.nextDue()).toBeUndefined()
      await store.close()
      await pool.end()
    })

    it.each(['latest', 'oldest'] as const)(
      'is refused at start behind a transaction pooler that hands out the %s connection',
      async (next) => {
        const pooler = await startTransactionPooler(await database(), { next })
        const jobs = createJobs({
          jobs: [defineJob({ id: 'job', triggers: go }, () => {})],
          driver: embedded({ store: postgresStore({ url: pooler.url }) }),
        })
        await expect(jobs.start()).rejects.toMatchObject({
          code: 'POSTGRES_POOLED',
          hint: expect.stringMatching(/Supabase: port 5432 instead of 6543/),
          retryable: false,
        })
        // What sends and nothing else has no need of a session.
        await jobs.send('test/go', {})
        expect(await jobs.depth()).toEqual([expect.objectContaining({ job: 'job', queued: 1 })])
        await jobs.close()
        await pooler.close()
      },
    )

    it('is refused in words when nothing listens there', async () => {
      const store = postgresStore({ url: 'postgres://msc@127.0.0.1:1/none' })
      await expect(store.nextDue()).rejects.toMatchObject({ code: 'DRIVER_UNREACHABLE', retryable: true })
      await store.close()
    })
  })
})

it.each([
  ['a pool of one', { client: new pg.Pool({ max: 1 }) }, { code: 'JOBS_POOL_TOO_SMALL' }],
  ['a pool of its own of one', { url: 'postgres://127.0.0.1/a', maxConnections: 1 }, { code: 'JOBS_POOL_TOO_SMALL' }],
  ['a single connection', { client: new pg.Client() }, { code: 'OPTION_INVALID', message: /neither a `pg` pool/ }],
  ['what is no client', { client: {} }, { code: 'OPTION_INVALID', message: /does not implement query/ }],
  ['a number that is none', { url: 'postgres://127.0.0.1/a', timeoutMs: Number.NaN }, { code: 'OPTION_INVALID' }],
])('refuses %s when it is made', (_, options, refused) => {
  const { code, message = /./ } = refused as { readonly code: string; readonly message?: RegExp }
  const make = (): unknown => postgresStore(options as unknown as Parameters<typeof postgresStore>[0])
  expect(make).toThrow(message)
  expect(make).toThrow(expect.objectContaining({ code }))
})

it.each(['team-42', 'a "quoted" name', 'a; drop table runs', '', 'x'.repeat(64)])(
  'refuses to listen to %j, which is not an identifier',
  async (channel) => {
    const pool = new pg.Pool({ max: 2 })
    const listening = { name: 'test', onNotice() {}, onListening() {} }
    const embeddedClient = { query: async () => ({ rows: [] }), listen: async () => async () => {} }
    for (const client of [pool as unknown as PostgresClient, embeddedClient]) {
      await expect(listen(client, channel, listening)).rejects.toMatchObject({ code: 'CHANNEL_INVALID' })
    }
    await pool.end()
  },
)

describe('with PGlite', () => {
  let db: PGlite
  beforeAll(async () => {
    db = await PGlite.create()
  })
  afterAll(() => db.close())
  beforeEach(() => db.exec('drop schema if exists msc_jobs cascade'))

  it('listens to a channel in the case of its name', async () => {
    const received = withResolvers<string>()
    const listening = { name: 'test', onNotice: received.resolve, onListening() {} }
    const stop = await listen(db, 'releasesChanged', listening)
    await db.query('select pg_notify($1, $2)', ['releasesChanged', 'new'])
    expect(await received.promise).toBe('new')
    await stop()
  })

  it('leaves the connection as it was when its tables can not be made, and makes them the next time', async () => {
    await db.exec('create schema msc_jobs; create view msc_jobs.runs as select 1 as id')
    const store = postgresStore({ client: db })
    await expect(store.owners()).rejects.toThrow()
    expect((await db.query('select 1 as fine')).rows).toEqual([{ fine: 1 }])
    expect((await db.query(`select to_regclass('msc_jobs.steps') as made`)).rows).toEqual([{ made: null }])
    await db.exec('drop view msc_jobs.runs')
    expect(await store.owners()).toEqual([])
    await store.close()
  })

  it('may be closed before those that listen stop', async () => {
    const own = await PGlite.create()
    const stop = await listen(own, 'releases', { name: 'test', onNotice() {}, onListening() {} })
    await own.close()
    await expect(stop()).resolves.toBeUndefined()
  })

  it.each(['lower_case', 'Mixed_Case', 'UPPER', 'select'])('stops listening to %s', async (channel) => {
    const heard: string[] = []
    const listening = { name: 'test', onNotice: (payload: string) => heard.push(payload), onListening() {} }
    const [stop, other] = [await listen(db, channel, listening), await listen(db, channel, listening)]
    await db.query('select pg_notify($1, $2)', [channel, 'both'])
    await stop()
    await db.query('select pg_notify($1, $2)', [channel, 'the other'])
    await other()
    await db.query('select pg_notify($1, $2)', [channel, 'nobody'])
    expect(heard).toEqual(['both', 'both', 'the other'])
    expect((await db.query('select pg_listening_channels()')).rows).toEqual([])
  })

  testJobStore('postgres over PGlite', async () => {
    const store = postgresStore({ client: db })
    return { store, close: () => store.close() }
  })

  describe('as a worker', () => {
    let jobs: ReturnType<typeof createJobs>
    afterEach(() => jobs.close())

    it('runs a job that was sent inside a transaction', async () => {
      const ran = withResolvers<unknown>()
      const job = defineJob({ id: 'job', triggers: go }, async ({ event, step }) => {
        ran.resolve(await step.run('a', () => event.data))
      })
      jobs = createJobs({ jobs: [job], driver: embedded({ store: postgresStore({ client: db }), pollMs: 600_000 }) })
      await jobs.start()
      await db.transaction(async (tx) => {
        await jobs.send('test/go', { n: 1 }, { transaction: tx })
      })
      expect(await ran.promise).toEqual({ n: 1 })
    })
  })
})

function withResolvers<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((each) => (resolve = each))
  return { promise, resolve: (value) => resolve(value) }
}
