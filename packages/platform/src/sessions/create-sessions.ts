import { getDefaultCache, type Cache } from '@msc/cache'
import {
  ConfigError,
  MscError,
  UnavailableError,
  assertChoice,
  assertMethods,
  assertNumbers,
  assertOptions,
  createService,
  durationOption,
  systemClock,
  toError,
} from '@msc/core'
import type { Transaction } from '../database/database.ts'
import { createAsk, isOutage, lacksMigration } from '../outage.ts'
import { createEndedSessions } from './ended-sessions.ts'
import { sha256 } from '../sha256.ts'
import { sessionCookie, sessionTokenOf } from './session-cookie.ts'
import { createSessionHorizon } from './session-horizon.ts'
import { createSessionListener } from './session-listener.ts'
import { createSessionReader } from './session-reader.ts'
import {
  assertUserId,
  endByToken,
  endedLately,
  endOfUser,
  endOldest,
  insertSession,
  listSessions,
  lockUser,
  type EndedRow,
  type NewSession,
} from './session-rows.ts'
import { isSessionToken, newSessionToken } from './session-token.ts'
import type { SessionRequest, Sessions, SessionsOptions, VerifiedSession } from './sessions.ts'

/** Milliseconds for which it is known that a session has ended: much longer than a copy of it lives. */
const KEEP_MS = 60_000

/**
 * Makes the sessions of an application. Does no I/O.
 *
 * @throws ConfigError for options that make no sessions.
 * @example
 * const sessions = createSessions({
 *   database,
 *   loadUser: async (tx, id) => (await tx.query('select id, role from profiles where id = $1', [id]))[0],
 * })
 */
export function createSessions<User extends object>(options: SessionsOptions<User>): Sessions<User> {
  const { cacheMs, lifetimeMs, idleMs } = timesOf(options)
  const { database, clock = systemClock, timeoutMs = 5000, maxPerUser = 50, secure = true, onError } = options
  const cache = (): Cache => options.cache ?? getDefaultCache()
  const ask = createAsk({ database, timeoutMs, explain: explained })
  const { service, report, assertOpen } = createService({
    concern: 'sessions',
    driver: {
      name: database.driverName,
      health: (signal) => ask((tx) => tx.query('select 1 from msc_sessions.sessions limit 1'), signal).then(() => {}),
      close: () => listener.close(),
    },
    clock,
    onError,
    degraded: () =>
      horizon.listening ? undefined : 'Other processes are not heard, so that the database is asked for every request.',
  })
  const horizon = createSessionHorizon(clock, cacheMs)
  const ended = createEndedSessions(clock, KEEP_MS + 3 * timeoutMs, horizon.forget)
  const listener = createSessionListener({ database, horizon, clock, timeoutMs, onEnded: ended.add, report })
  const during = async <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => {
    assertOpen()
    void listener.open()
    return ask(work)
  }
  const reader = createSessionReader<User>({
    ...options,
    horizon,
    cache,
    cacheMs,
    idleMs,
    timeoutMs,
    clock,
    ask,
    report,
  })
  /** Refuses them from now on in this process, before anybody is told that they have ended. */
  const forget = async (rows: readonly EndedRow[]): Promise<void> => {
    for (const row of rows) ended.add(row)
    await reader.drop(rows.map(({ tokenHash }) => tokenHash))
  }
  const verifyToken = async (token: string): Promise<VerifiedSession<User> | undefined> => {
    assertOpen()
    void listener.open()
    const tokenHash = await sha256(token)
    const copy = await reader.read(tokenHash)
    // Looked up last: it may have ended while it was read.
    if (!copy || ended.has(copy.sessionId)) return undefined
    const { user, sessionId, userId, expiresAt } = copy
    return { user, sessionId, userId, expiresAt }
  }

  return {
    ...service,
    open() {
      assertOpen()
      return listener.open()
    },
    async start(userId, given = {}) {
      assertUserId(userId)
      assertOptions('sessions', given)
      assertMethods('sessions', 'options', given, [], ['confirm'])
      const { address, userAgent, confirm } = given
      const token = newSessionToken()
      const tokenHash = await sha256(token)
      const row = { tokenHash, userId, address, userAgent, lifetimeMs, idleMs }
      const { sessionId, oldest } = await during(async (tx) => {
        // Before the lock of the user: whoever changes the user's row has the row first and then takes that lock.
        if (confirm && !(await confirm(tx))) throw refused()
        if (!(await options.loadUser(tx, userId))) throw refused()
        return insertAmong(tx, row, maxPerUser)
      })
      await forget(oldest)
      return { token, sessionId, cookie: sessionCookie(token, lifetimeMs / 1000, { secure }) }
    },
    async verify(from) {
      const token = tokenIn(from, secure)
      return token === undefined ? undefined : verifyToken(token)
    },
    async end(from, reason = 'signed-out') {
      const token = tokenIn(from, secure)
      if (token === undefined) return false
      const tokenHash = await sha256(token)
      const rows = await during((tx) => endByToken(tx, tokenHash, reason))
      await forget(rows)
      return rows.length > 0
    },
    async endAll(userId, given = {}) {
      assertUserId(userId)
      assertOptions('sessions', given)
      const { except, reason = 'ended' } = given
      const rows = await during(async (tx) => {
        await lockUser(tx, userId)
        const now = await endOfUser(tx, userId, reason, except)
        return { now, before: await endedLately(tx, userId) }
      })
      await forget([...rows.before, ...rows.now])
      return rows.now.length
    },
    async list(userId) {
      assertUserId(userId)
      return during((tx) => listSessions(tx, userId))
    },
    cookie: (token) => sessionCookie(token, lifetimeMs / 1000, { secure }),
    clearedCookie: sessionCookie('', 0, { secure }),
    onEnded(added) {
      assertOpen()
      void listener.open()
      return ended.onEnded(added)
    },
  }
}

/** Inserts a session, and ends the oldest ones beyond what one user may have. */
async function insertAmong(
  tx: Transaction,
  row: NewSession,
  most: number,
): Promise<{ readonly sessionId: string; readonly oldest: readonly EndedRow[] }> {
  await lockUser(tx, row.userId)
  return { sessionId: await insertSession(tx, row), oldest: await endOldest(tx, row.userId, most) }
}

function tokenIn(from: SessionRequest | string | null | undefined, secure: boolean): string | undefined {
  if (typeof from === 'string') return isSessionToken(from) ? from : undefined
  return from ? sessionTokenOf(from.headers.get('cookie'), { secure }) : undefined
}

function refused(): MscError {
  return new MscError('The session was refused: what the sign-in was decided by has changed.', {
    code: 'SESSION_REFUSED',
    hint: 'Let the user sign in again.',
  })
}

function explained(cause: unknown): Error {
  if (lacksMigration(cause)) {
    return new ConfigError('[msc/sessions] The database has no sessions.', {
      code: 'SESSIONS_NOT_MIGRATED',
      hint: 'Apply `sessionsMigration()` with `database.migrate`, after the migration that makes the roles.',
      cause,
    })
  }
  if (!isOutage(cause)) return toError(cause)
  return new UnavailableError('[msc/sessions] The database is away, so that nobody can be recognised.', {
    code: 'SESSIONS_UNAVAILABLE',
    hint: 'Answer 503. Nobody was signed out.',
    cause,
  })
}

interface Times {
  readonly cacheMs: number
  readonly lifetimeMs: number
  readonly idleMs: number | undefined
}

function timesOf<User>(options: SessionsOptions<User>): Times {
  assertNumbers('sessions', options, {
    cacheSeconds: { least: 0, most: 10, fraction: true },
    maxPerUser: 1,
    timeoutMs: 1,
  })
  assertMethods('sessions', 'database', options.database, ['asService', 'client'])
  assertMethods('sessions', 'options', options, ['loadUser'])
  if (options.cache !== undefined) assertMethods('sessions', 'cache', options.cache, ['cache', 'invalidate'])
  assertChoice('sessions', 'secure', options.secure, [undefined, true, false])
  const { cacheSeconds = 10, lifetime = '12h', idle } = options
  return {
    cacheMs: cacheSeconds * 1000,
    lifetimeMs: durationOption('sessions', 'lifetime', lifetime, { leastMs: 1000, mostMs: MAX_LIFETIME_MS }),
    idleMs: idle === undefined ? undefined : durationOption('sessions', 'idle', idle, { leastMs: 1000 }),
  }
}

/** Browsers keep no cookie longer. Source: draft-ietf-httpbis-rfc6265bis, section 5.5. */
const MAX_LIFETIME_MS = 400 * 86_400_000
