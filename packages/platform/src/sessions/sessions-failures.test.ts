import { createCache, type Cache } from '@msc/cache'
import { redis } from '@msc/cache/redis'
import { startRedis, type RunningRedis } from '@msc/cache/testing'
import { createManualClock } from '@msc/core/testing'
import { createRandom } from '@msc/core/testing/delivery'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  addUser,
  loadUser,
  memoryCache,
  sessionsOf,
  startDatabase,
  type TestDatabase,
  type TestUser,
} from './__fixtures__/set-up.ts'
import type { Transaction } from '../database/database.ts'
import type { Sessions } from './sessions.ts'

let test: TestDatabase
let server: RunningRedis
let count = 0
const opened: Sessions<TestUser>[] = []
const caches: Cache[] = []
const user = (): Promise<string> => addUser(test.database, `u${(count += 1)}`)
const redisCache = (): Cache => {
  const cache = createCache({
    driver: redis({ url: `redis://127.0.0.1:${server.port}` }),
    local: true,
    onError: () => {},
  })
  caches.push(cache)
  return cache
}

beforeAll(async () => {
  ;[test, server] = await Promise.all([startDatabase('postgres'), startRedis()])
})
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(opened.splice(0).map((each) => each.close()))
  await Promise.all(caches.splice(0).map((each) => each.close()))
})
afterAll(async () => {
  await test?.close()
  await server?.close()
})

describe('while everything works', () => {
  it.each([
    ['memory', memoryCache],
    ['Redis', redisCache],
  ])('asks the database once for many requests, with a cache in %s', async (_, cache) => {
    const load = vi.fn(loadUser)
    const sessions = sessionsOf(opened, test.database, { cache: cache(), loadUser: load })
    await sessions.open()
    const { token } = await sessions.start(await user())
    await sessions.verify(token)
    await sessions.verify(token)
    load.mockClear()
    for (let i = 0; i < 20; i++) expect(await sessions.verify(token)).toBeDefined()
    expect(load).not.toHaveBeenCalled()
  })

  it('lets no copy that another process put into the cache before this one listened sign anybody in', async () => {
    const first = sessionsOf(opened, test.another(), { cache: redisCache() })
    await first.open()
    const { token, sessionId } = await first.start(await user())
    for (let i = 0; i < 3; i++) await first.verify(token)
    await first.close()
    // Nobody listens, and the copy in Redis stays.
    await test.database.asService((tx) =>
      tx.query('update msc_sessions.sessions set ended_at = now() where id = $1', [sessionId]),
    )
    const second = sessionsOf(opened, test.another(), { cache: redisCache() })
    await second.open()
    for (let i = 0; i < 3; i++) expect(await second.verify(token)).toBeUndefined()
  })
})

describe('while the cache is away', () => {
  it('asks the database, and still refuses what has ended', async () => {
    const sessions = sessionsOf(opened, test.database, { cache: redisCache() })
    await sessions.open()
    const { token } = await sessions.start(await user())
    await sessions.verify(token)
    server.pause()
    try {
      for (let i = 0; i < 3; i++) expect(await sessions.verify(token)).toBeDefined()
      expect(await sessions.end(token)).toBe(true)
      expect(await sessions.verify(token)).toBeUndefined()
    } finally {
      server.resume()
    }
    for (let i = 0; i < 3; i++) expect(await sessions.verify(token)).toBeUndefined()
  })

  it.each([
    ['throws', () => Promise.reject(new Error('no'))],
    [
      'throws at once',
      () => {
        throw new Error('no')
      },
    ],
    [
      'lies',
      () => Promise.resolve({ sessionId: 'x', userId: 'admin', user: { role: 'admin' }, asOf: 0, expiresAt: 1e15 }),
    ],
    ['knows nothing', () => Promise.resolve(undefined)],
    ['answers with text', () => Promise.resolve('admin')],
  ])('asks the database when a cache %s', async (_, broken) => {
    const cache = { ...memoryCache(), cache: broken as never, invalidate: broken as never }
    const sessions = sessionsOf(opened, test.database, { cache })
    await sessions.open()
    const id = await user()
    const { token } = await sessions.start(id)
    for (let i = 0; i < 3; i++) expect(await sessions.verify(token)).toMatchObject({ userId: id })
    await sessions.end(token)
    expect(await sessions.verify(token)).toBeUndefined()
  })
})

describe('while the database is away', () => {
  it('signs nobody in by an old copy, and says that it does not know instead of that nobody is signed in', async () => {
    const own = await startDatabase('postgres')
    const clock = createManualClock()
    const cache = createCache({ driver: (await import('@msc/cache/memory')).memory(), clock })
    caches.push(cache)
    const sessions = sessionsOf(opened, own.database, { clock, cache, timeoutMs: 300 })
    try {
      await sessions.open()
      const id = await addUser(own.database, 'u')
      const { token } = await sessions.start(id)
      await sessions.verify(token)
      expect(await sessions.verify(token)).toMatchObject({ userId: id })
      own.server?.pause()
      // A fresh copy is as good as an answer: nothing has ended that was not heard.
      expect(await sessions.verify(token)).toMatchObject({ userId: id })
      await clock.advance(11_000)
      await expect(sessions.verify(token)).rejects.toMatchObject({ code: 'SESSIONS_UNAVAILABLE', retryable: true })
      await expect(sessions.end(token)).rejects.toMatchObject({ code: 'SESSIONS_UNAVAILABLE' })
      await expect(sessions.start(id)).rejects.toMatchObject({ code: 'SESSIONS_UNAVAILABLE' })
      own.server?.resume()
      await vi.waitFor(async () => expect(await sessions.verify(token)).toMatchObject({ userId: id }), 5000)
    } finally {
      own.server?.resume()
      await sessions.close()
      await own.close()
    }
  })

  it('refuses at once what the database has ended by itself, when it is told to end all', async () => {
    const sessions = sessionsOf(opened, test.another())
    await sessions.open()
    const id = await user()
    const { token, sessionId } = await sessions.start(id)
    await sessions.verify(token)
    await sessions.verify(token)
    const told: string[] = []
    sessions.onEnded((ended) => ended.userId === id && told.push(ended.sessionId))
    await test.database.asService((tx) => tx.query('select msc_sessions.end_all($1, $2)', [id, 'x']))
    expect(await sessions.endAll(id)).toBe(0)
    expect(await sessions.verify(token)).toBeUndefined()
    expect(told).toEqual([sessionId])
  })

  it('hears afterwards of what ended while it could not hear', async () => {
    const database = test.another()
    const sessions = sessionsOf(opened, database)
    await sessions.open()
    const id = await user()
    const { token, sessionId } = await sessions.start(id)
    await sessions.verify(token)
    await sessions.verify(token)
    // Beside those of other tests that have just ended.
    const told = new Promise((resolve) => sessions.onEnded((ended) => ended.userId === id && resolve(ended)))
    // The listening connections end before the notification is sent.
    await test.database.asService(async (tx) => {
      await tx.query('select msc_sessions.end_all($1, $2)', [id, 'x'])
      await tx.query('set local role none')
      await tx.query(
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where pid <> pg_backend_pid() and application_name = 'msc-database'`,
      )
    })
    expect(await told).toEqual({ sessionId, userId: id })
    expect(await sessions.verify(token)).toBeUndefined()
  })

  it('hears afterwards of thousands that ended, also when it has never asked the database for a session', async () => {
    const id = await user()
    const many = 2500
    await test.database.asService((tx) =>
      tx.query(
        `insert into msc_sessions.sessions (token_hash, user_id, latest_at, expires_at)
         select sha256(convert_to($1 || n, 'UTF8')), $1, now() + interval '1 hour', now() + interval '1 hour'
         from generate_series(1, $2::int) as n`,
        [id, many],
      ),
    )
    const sessions = sessionsOf(opened, test.another())
    await sessions.open()
    const told = new Set<string>()
    const all = new Promise<void>((resolve) =>
      // Beside those of other tests.
      sessions.onEnded(({ sessionId, userId }) => userId === id && told.add(sessionId).size === many && resolve()),
    )
    await test.database.asService(async (tx) => {
      await tx.query('select msc_sessions.end_all($1, $2)', [id, 'x'])
      await tx.query('set local role none')
      await tx.query(
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where pid <> pg_backend_pid() and application_name = 'msc-database'`,
      )
    })
    await all
    expect(told.size).toBe(many)
  })
})

describe('a mistake of the application', () => {
  it('is not taken for an outage', async () => {
    const sessions = sessionsOf(opened, test.database, {
      loadUser: () => {
        throw new TypeError('mine')
      },
    })
    const { token } = await sessionsOf(opened, test.database).start(await user())
    await expect(sessions.verify(token)).rejects.toThrow('mine')
  })

  it('in a listener reaches neither the other listeners nor who ends the session', async () => {
    const sessions = sessionsOf(opened, test.database)
    const told = vi.fn()
    sessions.onEnded(() => {
      throw new Error('mine')
    })
    sessions.onEnded(async () => {
      throw new Error('mine too')
    })
    const id = await user()
    // At first it is told of what has just ended elsewhere, too.
    const stop = sessions.onEnded(({ userId }) => userId === id && told())
    const first = await sessions.start(id)
    await sessions.end(first.token)
    expect(told).toHaveBeenCalledTimes(1)
    stop()
    const second = await sessions.start(id)
    await sessions.end(second.token)
    expect(told).toHaveBeenCalledTimes(1)
  })
})

describe('verifying and ending at the same time', () => {
  it('leaves no session that was started by a password which is changed meanwhile', async () => {
    const sessions = sessionsOf(opened, test.database)
    for (let round = 0; round < 40; round++) {
      const id = await user()
      const confirm = async (tx: Transaction): Promise<boolean> =>
        (await tx.query(`select 1 from profiles where id = $1 and role = 'artist' for share`, [id])).length > 0
      // In this application the role plays the part of the password.
      const change = test.database.asService((tx) => tx.query(`update profiles set role = 'x' where id = $1`, [id]))
      await Promise.all([
        change,
        sessions
          .start(id, { confirm })
          .catch((error: unknown) => expect(error).toMatchObject({ code: 'SESSION_REFUSED' })),
      ])
      expect(await sessions.list(id)).toEqual([])
    }
  })

  it.each([1, 2, 3])('never accepts a session after its end, in 100 rounds with the seed %i', async (seed) => {
    const { integer, pick } = createRandom(seed)
    const turns = async (): Promise<void> => {
      for (let left = integer(0, 11); left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
    }
    const here = sessionsOf(opened, test.another(), { cache: redisCache() })
    const there = sessionsOf(opened, test.another(), { cache: redisCache() })
    await Promise.all([here.open(), there.open()])
    const id = await user()
    for (let round = 0; round < 100; round++) {
      const { token, sessionId } = await here.start(id)
      let endedHere = false
      let endedThere = false
      const known = new Promise<void>((resolve) => {
        const stop = there.onEnded((ended) => {
          if (ended.sessionId !== sessionId) return
          endedThere = true
          stop()
          resolve()
        })
      })
      const verifying = Array.from({ length: 8 }, async () => {
        await turns()
        const where = pick([here, there])
        const tooLate = where === here ? endedHere : endedThere
        const found = await where.verify(token)
        if (tooLate) expect(found).toBeUndefined()
      })
      await turns()
      const ending = pick([() => here.end(token), () => here.endAll(id)])
      await ending()
      endedHere = true
      const later = Array.from({ length: 4 }, async () => expect(await here.verify(token)).toBeUndefined())
      await known
      later.push(...Array.from({ length: 4 }, async () => expect(await there.verify(token)).toBeUndefined()))
      await Promise.all([...verifying, ...later])
    }
  })
})
