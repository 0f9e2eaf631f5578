import type { Cache } from '@msc/cache'
import { deadline, isRecord, toError, type Clock } from '@msc/core'
import type { Transaction } from '../database/database.ts'
import type { SessionHorizon } from './session-horizon.ts'
import { readSession, touchSession, type SessionRow } from './session-rows.ts'
import type { SessionsOptions } from './sessions.ts'

/** A session as the cache holds it. */
interface SessionCopy<User> extends SessionRow {
  readonly user: User
}

export interface SessionReaderOptions<User> extends Pick<SessionsOptions<User>, 'loadUser'> {
  readonly horizon: SessionHorizon
  readonly cacheMs: number
  readonly idleMs: number | undefined
  readonly timeoutMs: number
  readonly clock: Clock
  cache(): Cache
  ask<T>(work: (tx: Transaction) => Promise<T>): Promise<T>
  report(error: unknown, operation: string): void
}

export interface SessionReader<User> {
  /** Returns a live session by the hash of its token, from the cache where that may be believed. */
  read(tokenHash: string): Promise<SessionCopy<User> | undefined>
  /** Removes copies from the cache. That is hygiene only: no process believes them any more. Never rejects. */
  drop(tokenHashes: readonly string[]): Promise<void>
}

/** Milliseconds that a session may wait for the cache. The cache has limits of its own; this is for one that breaks them. */
const CACHE_MS = 2000
/** How often a session is read again because something was missed meanwhile. */
const MOST_LOOKS = 3

function copyKey(tokenHash: string): string {
  return `msc-session:${tokenHash}`
}

export function createSessionReader<User extends object>(options: SessionReaderOptions<User>): SessionReader<User> {
  const { horizon, cache, cacheMs, idleMs, timeoutMs, clock, report } = options
  /** Errors that came from the database, and not from the cache that handed them on. */
  const fromDatabase = new WeakSet<object>()

  const askDatabase = async (tokenHash: string): Promise<SessionCopy<User> | undefined> => {
    for (let looks = 1; ; looks++) {
      const look = horizon.begin()
      const { asOf, copy } = await options.ask((tx) => readCopy(tx, tokenHash, options, idleMs))
      horizon.settle(look, asOf)
      if (look.generation === horizon.generation || looks === MOST_LOOKS) return copy
    }
  }
  /** Returns `undefined` when the cache has nothing to be believed; then only the database knows. */
  const askCache = async (tokenHash: string): Promise<{ readonly copy?: SessionCopy<User> } | undefined> => {
    let absent = false
    const load = async (): Promise<SessionCopy<User> | undefined> => {
      try {
        const copy = await askDatabase(tokenHash)
        absent = copy === undefined
        return copy
      } catch (cause) {
        const error = toError(cause)
        fromDatabase.add(error)
        throw error
      }
    }
    try {
      // Asked with each request: counted, they would be nearly all that the hit rate tells of.
      const plan = { ttl: cacheMs / 1000, lock: false, counted: false }
      const found = await deadline(() => cache().cache(copyKey(tokenHash), load, plan), {
        operation: '[msc/sessions] cache',
        timeoutMs: timeoutMs * MOST_LOOKS + CACHE_MS,
        clock,
      })
      if (isCopy<User>(found) && horizon.accepts(found)) return { copy: found }
      return absent ? {} : undefined
    } catch (error) {
      if (fromDatabase.has(toError(error))) throw error
      report(error, 'cache')
      return undefined
    }
  }
  return {
    async read(tokenHash) {
      const cached = horizon.trusts ? await askCache(tokenHash) : undefined
      return cached ? cached.copy : askDatabase(tokenHash)
    },
    async drop(tokenHashes) {
      const dropOne = (tokenHash: string): Promise<unknown> =>
        deadline(() => cache().invalidate(copyKey(tokenHash)), {
          operation: '[msc/sessions] invalidate',
          timeoutMs: CACHE_MS,
          clock,
        })
      await Promise.all(tokenHashes.map((each) => dropOne(each).catch((error: unknown) => report(error, 'invalidate'))))
    },
  }
}

async function readCopy<User extends object>(
  tx: Transaction,
  tokenHash: string,
  { loadUser }: Pick<SessionsOptions<User>, 'loadUser'>,
  idleMs: number | undefined,
): Promise<{ readonly asOf: number; readonly copy?: SessionCopy<User> }> {
  const { asOf, session } = await readSession(tx, tokenHash)
  const user = session && (await loadUser(tx, session.userId))
  if (!session || !user) return { asOf }
  const expiresAt = idleMs === undefined ? session.expiresAt : await touchSession(tx, session, idleMs)
  return { asOf, copy: { ...session, expiresAt, user } }
}

/** A cache may be shared with an older version, and may hold anything. */
function isCopy<User>(value: unknown): value is SessionCopy<User> {
  if (!isRecord(value) || typeof value['user'] !== 'object' || value['user'] === null) return false
  const { sessionId, userId, asOf, expiresAt } = value
  return (
    typeof sessionId === 'string' &&
    typeof userId === 'string' &&
    typeof asOf === 'number' &&
    typeof expiresAt === 'number'
  )
}
