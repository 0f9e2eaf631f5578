import { createManualClock } from '@msc/core/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  addUser,
  memoryCache,
  sessionsOf,
  startDatabase,
  type TestDatabase,
  type TestUser,
} from './__fixtures__/set-up.ts'
import { createSessions } from './create-sessions.ts'
import { newSessionToken } from './session-token.ts'
import type { EndedSession, Sessions } from './sessions.ts'

const request = (cookie: string): Request =>
  new Request('http://a.example/', { headers: { cookie: cookie.split(';')[0] as string } })

/** Resolves when `sessions` has heard of that end. */
function heard(sessions: Sessions<TestUser>, sessionId: string): Promise<EndedSession> {
  return new Promise((resolve) => {
    const stop = sessions.onEnded((ended) => {
      if (ended.sessionId !== sessionId) return
      stop()
      resolve(ended)
    })
  })
}

describe.each(['pglite', 'postgres'] as const)('sessions on %s', (driver) => {
  let test: TestDatabase
  let count = 0
  const opened: Sessions<TestUser>[] = []
  const user = (role?: string): Promise<string> => addUser(test.database, `${driver}-${(count += 1)}`, role)
  const sql = (text: string, params: unknown[] = []): Promise<readonly Record<string, unknown>[]> =>
    test.database.asService((tx) => tx.query(text, params))
  /** Two processes, each with a cache and connections of its own, that both listen and both hold a copy of the session. */
  const two = async (): Promise<{ here: Sessions<TestUser>; there: Sessions<TestUser> }> => {
    const here = sessionsOf(opened, test.database)
    const there = sessionsOf(opened, test.another())
    await Promise.all([here.open(), there.open()])
    return { here, there }
  }
  const signIn = async ({ here, there }: { here: Sessions<TestUser>; there: Sessions<TestUser> }, userId: string) => {
    const started = await here.start(userId)
    for (const each of [here, here, there, there]) {
      expect(await each.verify(started.token)).toMatchObject({ userId, sessionId: started.sessionId })
    }
    return started
  }

  beforeAll(async () => {
    test = await startDatabase(driver)
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((each) => each.close()))
  })
  afterAll(() => test?.close())

  it('signs a user in by the cookie, with the role that the database says', async () => {
    const sessions = sessionsOf(opened, test.database)
    const id = await user('admin')
    const { token, sessionId, cookie } = await sessions.start(id, { address: '192.0.2.1', userAgent: 'a\0b' })
    expect(await sessions.verify(request(cookie))).toEqual({
      user: { id, role: 'admin' },
      userId: id,
      sessionId,
      expiresAt: expect.any(Number),
    })
    expect(cookie).toBe(sessions.cookie(token))
    expect(await sessions.list(id)).toEqual([
      {
        sessionId,
        createdAt: expect.any(Number),
        expiresAt: expect.any(Number),
        address: '192.0.2.1',
        userAgent: 'a\ufffdb',
      },
    ])
    const stored = JSON.stringify(await sql('select *, encode(token_hash, $1) from msc_sessions.sessions', ['escape']))
    expect(stored).not.toContain(token)
  })

  it('accepts nothing but a token that it has made', async () => {
    const sessions = sessionsOf(opened, test.database)
    await sessions.start(await user())
    const [{ hash } = { hash: '' }] = await sql(
      `select translate(rtrim(encode(token_hash, 'base64'), '='), '+/', '-_') as hash from msc_sessions.sessions limit 1`,
    )
    for (const other of [newSessionToken(), hash as string, '', 'eyJhbGciOiJub25lIn0.e30.', undefined, null]) {
      expect(await sessions.verify(other)).toBeUndefined()
    }
  })

  it('refuses a session that was signed out, at once here and as soon as the others hear of it', async () => {
    const both = await two()
    const { token, sessionId, cookie } = await signIn(both, await user())
    const told = heard(both.there, sessionId)
    expect(await both.here.end(request(cookie))).toBe(true)
    expect(await both.here.verify(token)).toBeUndefined()
    await told
    expect(await both.there.verify(token)).toBeUndefined()
    expect(await both.here.end(token)).toBe(false)
  })

  it.each([
    ['is deleted', 'delete from profiles where id = $1'],
    ['gets another role', `update profiles set role = 'admin' where id = $1`],
  ])('refuses all sessions of a user who %s by plain SQL', async (_, statement) => {
    const both = await two()
    const id = await user()
    const first = await signIn(both, id)
    const second = await signIn(both, id)
    const told = [both.here, both.there].flatMap((each) => [
      heard(each, first.sessionId),
      heard(each, second.sessionId),
    ])
    await sql(statement, [id])
    expect(await Promise.all(told)).toContainEqual({ sessionId: second.sessionId, userId: id })
    for (const each of [both.here, both.there]) {
      expect(await each.verify(first.token)).toBeUndefined()
      expect(await each.verify(second.token)).toBeUndefined()
    }
  })

  it('keeps the sessions of a user whose row is written without a change that counts', async () => {
    const both = await two()
    const id = await user()
    const { token } = await signIn(both, id)
    await sql(`update profiles set role = role, name = 'new' where id = $1`, [id])
    expect(await both.here.list(id)).toHaveLength(1)
    expect(await both.there.verify(token)).toMatchObject({ userId: id })
  })

  it.each([
    ['ended', 'update msc_sessions.sessions set ended_at = now() where id = $1'],
    ['deleted', 'delete from msc_sessions.sessions where id = $1'],
  ])('hears of a session that is %s by plain SQL', async (_, statement) => {
    const both = await two()
    const { token, sessionId } = await signIn(both, await user())
    const told = heard(both.there, sessionId)
    await sql(statement, [sessionId])
    await told
    expect(await both.there.verify(token)).toBeUndefined()
  })

  it('ends all other sessions of a user', async () => {
    const both = await two()
    const id = await user()
    const kept = await signIn(both, id)
    const other = await signIn(both, id)
    const stranger = await signIn(both, await user())
    expect(await both.here.endAll(id, { except: kept.sessionId, reason: 'password changed' })).toBe(1)
    expect(await both.here.verify(kept.token)).toBeDefined()
    expect(await both.here.verify(other.token)).toBeUndefined()
    expect(await both.here.verify(stranger.token)).toBeDefined()
    expect(await both.here.endAll(id)).toBe(1)
    expect(await both.here.list(id)).toEqual([])
  })

  it('says in SQL whether a session is live, for row policies', async () => {
    const sessions = sessionsOf(opened, test.database)
    await sql(`insert into notes values ('secret')`)
    const { token, sessionId } = await sessions.start(await user())
    const read = (): Promise<unknown[]> =>
      test.database.transaction({ role: 'authenticated', session_id: sessionId }, (tx) =>
        tx.query('select * from notes'),
      )
    expect((await read()).length).toBeGreaterThan(0)
    await sessions.end(token)
    expect(await read()).toEqual([])
    const stealing = test.database.transaction({ role: 'authenticated' }, (tx) =>
      tx.query('select * from msc_sessions.sessions'),
    )
    await expect(stealing).rejects.toMatchObject({ code: 'DATABASE_FORBIDDEN' })
    const ending = test.database.transaction({ role: 'authenticated' }, (tx) =>
      tx.query(`select msc_sessions.end_all('1', '')`),
    )
    await expect(ending).rejects.toMatchObject({ code: 'DATABASE_FORBIDDEN' })
  })

  it('keeps at most so many sessions of a user, also when they are started at once', async () => {
    const sessions = sessionsOf(opened, test.database, { maxPerUser: 3 })
    const id = await user()
    const first = await sessions.start(id)
    expect(await sessions.verify(first.token)).toBeDefined()
    await Promise.all(Array.from({ length: 6 }, () => sessions.start(id)))
    expect(await sessions.list(id)).toHaveLength(3)
    expect(await sessions.verify(first.token)).toBeUndefined()
  })

  it('expires by the database’s time, whatever this process’ clock says', async () => {
    const clock = { ...createManualClock(0), setTimeout: () => () => {} }
    const sessions = sessionsOf(opened, test.database, { clock, cacheSeconds: 0 })
    const { token, sessionId } = await sessions.start(await user())
    expect(await sessions.verify(token)).toBeDefined()
    await sql(`update msc_sessions.sessions set expires_at = now() - interval '1 ms' where id = $1`, [sessionId])
    expect(await sessions.verify(token)).toBeUndefined()
  })

  it('ends in the cache when it expires, not when the copy does', async () => {
    const clock = createManualClock(0)
    const sessions = sessionsOf(opened, test.database, { clock, timeoutMs: 10_000 })
    await sessions.open()
    const { token, sessionId } = await sessions.start(await user())
    await sql(`update msc_sessions.sessions set expires_at = now() + interval '5 s' where id = $1`, [sessionId])
    await sessions.verify(token)
    expect(await sessions.verify(token)).toBeDefined()
    await clock.advance(6000)
    const reads = vi.spyOn(test.database, 'asService')
    // The database's clock has not moved, so that only the copy was refused.
    expect(await sessions.verify(token)).toBeDefined()
    expect(reads).toHaveBeenCalled()
    reads.mockRestore()
  })

  it('moves the end of an idle session on, but not past its lifetime', async () => {
    const sessions = sessionsOf(opened, test.database, { lifetime: '60m', idle: '30m', cacheSeconds: 0 })
    const { token, sessionId } = await sessions.start(await user())
    const left = async (): Promise<number> => {
      const [row] = await sql(
        'select round(extract(epoch from expires_at - created_at) / 60)::int as minutes from msc_sessions.sessions where id = $1',
        [sessionId],
      )
      return row?.['minutes'] as number
    }
    const ago = (minutes: number): Promise<unknown> =>
      sql(
        `update msc_sessions.sessions set created_at = created_at - $2 * interval '1 min',
           expires_at = expires_at - $2 * interval '1 min', latest_at = latest_at - $2 * interval '1 min' where id = $1`,
        [sessionId, minutes],
      )
    expect(await left()).toBe(30)
    await ago(20)
    await sessions.verify(token)
    expect(await left()).toBe(50)
    await ago(25)
    expect(await sessions.verify(token)).toBeDefined()
    expect(await left()).toBe(60)
    await ago(20)
    expect(await sessions.verify(token)).toBeUndefined()
  })

  it('starts no session for nobody, nor when what the sign-in was decided by has changed', async () => {
    const sessions = sessionsOf(opened, test.database)
    await expect(sessions.start('nobody')).rejects.toMatchObject({ code: 'SESSION_REFUSED' })
    const id = await user()
    await expect(sessions.start(id, { confirm: async () => false })).rejects.toMatchObject({ code: 'SESSION_REFUSED' })
    for (const wrong of ['', 'x'.repeat(256), 'a\0b', undefined]) {
      await expect(sessions.start(wrong as string)).rejects.toMatchObject({ code: 'SESSION_USER_INVALID' })
    }
    expect(await sessions.list(id)).toEqual([])
  })

  it('removes expired rows in the background', async () => {
    const clock = createManualClock()
    const sessions = sessionsOf(opened, test.database, { clock, timeoutMs: 3_600_000 })
    const id = await user()
    const { sessionId } = await sessions.start(id)
    await sql(`update msc_sessions.sessions set expires_at = now() where id = $1`, [sessionId])
    await clock.advance(61_000)
    await vi.waitFor(async () => {
      expect(await sql('select 1 from msc_sessions.sessions where id = $1', [sessionId])).toEqual([])
    })
  })

  it('says what is missing in a database without the migration', async () => {
    await sql('select 1')
    const broken = { ...test.database, asService: () => Promise.reject(Object.assign(new Error(), { code: '42P01' })) }
    const sessions = createSessions<TestUser>({
      database: broken as never,
      loadUser: async () => undefined,
      cache: memoryCache(),
      onError: () => {},
    })
    opened.push(sessions)
    await expect(sessions.verify(newSessionToken())).rejects.toMatchObject({ code: 'SESSIONS_NOT_MIGRATED' })
  })

  it('reports whether it is well, and refuses calls after it was closed', async () => {
    const sessions = sessionsOf(opened, test.another())
    await sessions.open()
    expect(await sessions.health()).toMatchObject({ concern: 'sessions', status: 'ready' })
    await sessions.close()
    await expect(sessions.verify(newSessionToken())).rejects.toMatchObject({ code: 'SESSIONS_CLOSED' })
  })
})

describe('options of sessions', () => {
  it.each([
    ['a longer time in the cache', { cacheSeconds: 11 }],
    ['a lifetime of years', { lifetime: '500d' }],
    ['an idle time of nothing', { idle: 0 }],
    ['no database', { database: {} as never }],
    ['nobody to load users', { loadUser: undefined as never }],
  ])('refuses %s', (_, options) => {
    const database = { asService: () => {}, client: () => {} } as never
    expect(() => createSessions({ database, loadUser: async () => undefined, ...options })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it.each([null, 'a', { confirm: null }, { confirm: true }])(
    'starts no session with %j as options',
    async (options) => {
      const sessions = createSessions({
        database: { asService: () => {}, client: () => {} } as never,
        loadUser: async () => undefined,
      })
      await expect(sessions.start('ann', options as never)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    },
  )
})
