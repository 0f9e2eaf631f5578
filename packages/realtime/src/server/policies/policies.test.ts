import { startLeavingPostgres } from '@msc/core/testing/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { listen, type PostgresClient } from '@msc/core/postgres'
import { databases, type TestDatabase } from '../../testing/test-database.ts'
import { databasePolicies, realtimeSchema, type Authorize, type PolicyClient, type TopicAction } from '../index.ts'

describe.each(databases.map((open) => [open.name.replace('open', '').toLowerCase(), open] as const))(
  'policies on %s',
  (_name, open) => {
    let db: TestDatabase
    let authorize: Authorize
    beforeAll(async () => {
      db = await open()
      authorize = databasePolicies({ client: db.client })
      await db.exec(`
        create policy "members read" on realtime.messages for select to authenticated
          using (realtime.topic() = 'room' and extension = 'broadcast');
        create policy "speakers send" on realtime.messages for insert to authenticated
          with check (realtime.topic() = 'room' and extension = 'broadcast' and (auth.jwt() ->> 'speaker')::boolean);
        create policy "guests are seen" on realtime.messages for insert to authenticated, anon
          with check (realtime.topic() = 'lobby' and extension = 'presence');`)
    })
    afterAll(() => db.close())
    const may = async (claims: object, topic: string, action: TopicAction, signal = AbortSignal.timeout(5000)) =>
      authorize({ claims: { role: 'authenticated', exp: 4e9, ...claims }, topic, action }, signal)

    it('say who reads, who sends and who is present, each for itself', async () => {
      expect(await may({ sub: 'a' }, 'room', 'read')).toBe(true)
      expect(await may({ sub: 'a' }, 'other', 'read')).toBe(false)
      expect(await may({ role: 'anon' }, 'room', 'read')).toBe(false)
      expect(await may({ sub: 'a' }, 'room', 'write')).toBe(false)
      expect(await may({ sub: 'a', speaker: true }, 'room', 'write')).toBe(true)
      expect(await may({ sub: 'a', speaker: true }, 'room', 'presence')).toBe(false)
      expect(await may({ role: 'anon' }, 'lobby', 'presence')).toBe(true)
      expect(await may({ role: 'anon' }, 'lobby', 'write')).toBe(false)
      expect(await may({ role: 'service_role' }, 'anything', 'write')).toBe(true)
    })

    it('let an owner into their feeds alone, whatever stands in the ids', async () => {
      expect(await may({ sub: 'a' }, 'feed:items:a', 'read')).toBe(true)
      expect(await may({ sub: 'a:b' }, 'feed:items:a:b', 'read')).toBe(true)
      expect(await may({ sub: 'a' }, 'feed:items:a:b', 'read')).toBe(false)
      expect(await may({ sub: 'b' }, 'feed:items:a:b', 'read')).toBe(false)
      expect(await may({ sub: '' }, 'feed:items:', 'read')).toBe(false)
      expect(await may({}, 'feed:items:', 'read')).toBe(false)
      expect(await may({ sub: "a'--" }, 'feed:items:a', 'read')).toBe(false)
      for (const action of ['write', 'presence'] as const) {
        expect(await may({ sub: 'a' }, 'feed:items:a', action)).toBe(false)
      }
    })

    it('know no role but their own, and leave neither a row nor a role behind', async () => {
      const { user } = (await db.query<{ user: string }>('select current_user as user'))[0] as { user: string }
      expect(await may({ role: user }, 'room', 'read')).toBe(false)
      expect(await may({ role: 'pg_read_all_data' }, 'room', 'read')).toBe(false)
      for (let n = 0; n < 20; n++) await may({ sub: 'a' }, 'room', 'read')
      for (let n = 0; n < 12; n++) expect(await db.query('select current_user as user')).toEqual([{ user }])
      expect(await db.query('select 1 from realtime.messages')).toEqual([])
    })

    it('that can not be asked reject, and keep no connection', async () => {
      const { pool } = db
      if (!pool) return
      const blocker = await pool.connect()
      await blocker.query('begin; lock table realtime.messages in access exclusive mode')
      const ending = new AbortController()
      const late = may({ sub: 'a' }, 'room', 'read', ending.signal)
      const rejected = expect(late).rejects.toThrow('too late')
      // Held up by the lock, and not by how busy this machine is.
      const isBlocked = async (): Promise<boolean> =>
        (await blocker.query(`select 1 from pg_locks where relation = 'realtime.messages'::regclass and not granted`))
          .rows.length > 0
      while (!(await isBlocked())) await new Promise((resolve) => setImmediate(resolve))
      ending.abort(new Error('too late'))
      await rejected
      // Nor does the server go on with it, which would not notice by itself.
      await expect.poll(isBlocked).toBe(false)
      await expect.poll(() => pool.totalCount - pool.idleCount).toBe(1)
      await blocker.query('rollback')
      blocker.release()
      expect(await may({ sub: 'a' }, 'room', 'read')).toBe(true)
    })

    it('reject when their connection is lost while they are asked, and the process lives', async () => {
      const { pool } = db
      if (!pool) return
      const blocker = await pool.connect()
      await blocker.query('begin; lock table realtime.messages in access exclusive mode')
      const asked = expect(may({ sub: 'a' }, 'room', 'read')).rejects.toThrow(/terminat/)
      const blocked = `select pid from pg_locks where relation = 'realtime.messages'::regclass and not granted`
      let pid: unknown
      while ((pid = (await blocker.query<{ pid: number }>(blocked)).rows[0]?.pid) === undefined)
        await new Promise((resolve) => setImmediate(resolve))
      await blocker.query('select pg_terminate_backend($1)', [pid])
      // The connection's own `error` event would fail this run as an uncaught exception.
      await asked
      await blocker.query('rollback')
      blocker.release()
      expect(await may({ sub: 'a' }, 'room', 'read')).toBe(true)
    })

    it('are kept by the schema when it is applied again', async () => {
      await db.exec(realtimeSchema())
      expect(await may({ sub: 'a' }, 'room', 'read')).toBe(true)
      expect(await may({ role: 'service_role' }, 'anything', 'read')).toBe(true)
    })
  },
)

describe('policies whose database is away', () => {
  const question = { claims: { role: 'authenticated', sub: 'a', exp: 4e9 }, topic: 'room', action: 'read' } as const
  type Stage = 'connect' | 'begin' | 'insert' | 'set_config' | 'select 1' | 'rollback'
  const stages: readonly Stage[] = ['connect', 'begin', 'insert', 'set_config', 'select 1', 'rollback']

  /** A pool that does `fault` when it comes to `stage`, and answers everything else. */
  function poolWith(stage: Stage, fault: () => Promise<void>) {
    const released: unknown[] = []
    const reach = async (text: string): Promise<void> => {
      if (text.includes(stage)) await fault()
    }
    const query = async (text: string) => {
      await reach(text)
      return { rows: [{}] }
    }
    const connection = {
      query,
      on: () => undefined,
      release: (destroy?: boolean) => void released.push(destroy === true),
    }
    const connect = async () => {
      await reach('connect')
      return connection
    }
    return { client: { query, connect }, released }
  }

  it.each(stages)('reject when it fails at %s', async (stage) => {
    const { client, released } = poolWith(stage, () => Promise.reject(new Error('connection lost')))
    const asked = databasePolicies({ client })(question, new AbortController().signal)
    await expect(asked).rejects.toThrow('connection lost')
    expect(released).toEqual(stage === 'connect' ? [] : [true])
  })

  it.each(stages)('reject when the time is up during %s, whether it answers later or never', async (stage) => {
    for (const answers of [true, false]) {
      const ending = new AbortController()
      const { client, released } = poolWith(stage, () => {
        ending.abort(new Error('too late'))
        return answers ? Promise.resolve() : new Promise(() => {})
      })
      await expect(databasePolicies({ client })(question, ending.signal)).rejects.toThrow('too late')
      await new Promise((resolve) => setImmediate(resolve))
      // A connection that was only late is as good as any; one that was in use is cut off.
      const expected = stage === 'connect' ? (answers ? [false] : []) : [true]
      expect(released).toEqual(expected)
    }
  })

  it('reject when the time was up before, and when the database runs no transaction', async () => {
    const ended = AbortSignal.abort(new Error('too late'))
    const { client } = poolWith('connect', () => Promise.resolve())
    await expect(databasePolicies({ client })(question, ended)).rejects.toThrow('too late')
    const idle = { transaction: async () => undefined }
    const asked = databasePolicies({ client: idle })(question, new AbortController().signal)
    await expect(asked).rejects.toThrow(/not asked/)
  })

  it('reject when the database goes with the very packet that says it is ready, and the process lives', async () => {
    const server = await startLeavingPostgres()
    const pool = new pg.Pool({ connectionString: server.url, max: 2 })
    pool.on('error', () => undefined)
    // The connection's own `error` event would fail this run as an uncaught exception.
    const asked = databasePolicies({ client: pool as unknown as PolicyClient })(question, AbortSignal.timeout(5000))
    await expect(asked).rejects.toThrow()
    const told = vi.fn()
    const stop = await listen(pool as unknown as PostgresClient, 'feeds', {
      name: 'test',
      onNotice() {},
      onListening() {},
      onError: told,
    })
    expect(told).toHaveBeenCalled()
    await stop()
    await pool.end()
    await server.close()
  })
})
