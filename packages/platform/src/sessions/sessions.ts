import type { Cache } from '@msc/cache'
import type { Clock, Duration, ErrorReporter, Service } from '@msc/core'
import type { Database, Transaction } from '../database/database.ts'

export interface SessionsOptions<User> {
  /** Has to have {@link sessionsMigration}. Stays the caller's to close, after the sessions. */
  readonly database: Database
  /**
   * Reads the user as the application knows them, with their role, or `undefined` when there is no such user. It runs in
   * the transaction that reads the session, past row level security, and must not open another one. What it returns is
   * kept in the cache for up to `cacheSeconds`: data that can be written as JSON.
   */
  loadUser(transaction: Transaction, userId: string): Promise<User | undefined>
  /** Holds verified sessions for a moment. Default: the default cache of @msc/cache. Stays the caller's to close. */
  readonly cache?: Cache
  /**
   * For how long a session is served from the cache, in seconds, from 0 (never) to 10. Default 10. It is the longest time
   * for which an ended session could be accepted if nothing else worked: see {@link Sessions.verify}.
   */
  readonly cacheSeconds?: number
  /** How long a session lasts at most, in seconds or as `'12h'`. Default 12 hours. */
  readonly lifetime?: Duration
  /**
   * Ends a session that was not used for so long. Uses are written down at most twenty times in that time, and not while the
   * cache answers, so that it may end a twentieth of the time and `cacheSeconds` earlier. Default: none.
   */
  readonly idle?: Duration
  /** How many live sessions a user may have; the oldest ends when there would be more. Default 50. */
  readonly maxPerUser?: number
  /** False only where pages are served without TLS. Default true: see {@link sessionCookieName}. */
  readonly secure?: boolean
  /** Milliseconds that a question to the database may take. Default 5 000. */
  readonly timeoutMs?: number
  readonly clock?: Clock
  /** Called with every failure that nobody awaits. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
}

export interface StartOptions {
  /** From where the user signs in. Cut to 64 characters. */
  readonly address?: string | undefined
  /** Cut to 512 characters. */
  readonly userAgent?: string | undefined
  /**
   * Asked in the transaction that starts the session; false refuses it. Read there, with `for share`, what the sign-in was
   * decided by, such as the hash of the password: otherwise a password that is changed at the same moment still opens a
   * session after all others were ended.
   */
  confirm?(transaction: Transaction): Promise<boolean>
}

export interface StartedSession {
  /** The secret that the browser keeps. It is stored nowhere else. */
  readonly token: string
  readonly sessionId: string
  /** The value of `Set-Cookie`. */
  readonly cookie: string
}

export interface VerifiedSession<User> {
  readonly user: User
  readonly sessionId: string
  readonly userId: string
  /** When it expires by the database's clock, in milliseconds since the epoch. Moves on where `idle` is set. */
  readonly expiresAt: number
}

export interface ListedSession {
  readonly sessionId: string
  /** Milliseconds since the epoch, by the database's clock; so is `expiresAt`. */
  readonly createdAt: number
  readonly expiresAt: number
  readonly address: string | undefined
  readonly userAgent: string | undefined
}

export interface EndedSession {
  readonly sessionId: string
  readonly userId: string
}

/** The part of a `Request` that says who sent it. In a page of Next.js: `{ headers: await headers() }`. */
export interface SessionRequest {
  readonly headers: { get(name: string): string | null }
}

/**
 * Sessions that can be ended at any moment, by the application, by another process or by the database itself.
 *
 * Every method that asks the database throws `UnavailableError` (`SESSIONS_UNAVAILABLE`, a 503) while that is away, and
 * ConfigError `SESSIONS_NOT_MIGRATED` when it lacks the tables.
 */
export interface Sessions<User> extends Service {
  readonly concern: 'sessions'
  /**
   * Begins to listen to what other processes end, and to remove expired rows. The first call of another method does that
   * too; a server calls it at the start. Does not reject when the database is away, and goes on trying.
   */
  open(): Promise<void>
  /**
   * Starts a session, for a user whose password has just been verified. Pass the id as the database writes it (a UUID in lower
   * case): the database ends sessions by comparing texts.
   *
   * @throws ValidationError `SESSION_USER_INVALID` for an id that is empty or longer than 255 characters; MscError
   *   `SESSION_REFUSED` when `confirm` returned false or there is no such user.
   */
  start(userId: string, options?: StartOptions): Promise<StartedSession>
  /**
   * Returns whose session it is, or `undefined` when nobody is signed in: there is no such session, it has ended or
   * expired, its user is gone, or the request carries two cookies that differ.
   *
   * An ended session is refused at once in the process that ended it, and in all others as soon as they hear of it, which
   * takes milliseconds. A process that does not hear (its connection is lost) asks the database every time. One whose
   * connection is silent without being lost notices within ten seconds, and after `cacheSeconds` asks the database again.
   *
   * @throws UnavailableError while the database is away: then it is unknown whether somebody is signed in.
   */
  verify(from: SessionRequest | string | null | undefined): Promise<VerifiedSession<User> | undefined>
  /** Ends the session of a request or a token. Returns false when it was not live. `reason` is cut to 64 characters. */
  end(from: SessionRequest | string | null | undefined, reason?: string): Promise<boolean>
  /**
   * Ends all sessions of a user, but for the one with the id `except`. Returns how many there were. Also call it after a change by
   * which the database has ended them itself: this process then refuses them at once, and need not wait until it hears of it.
   */
  endAll(userId: string, options?: { readonly except?: string; readonly reason?: string }): Promise<number>
  /** Returns the live sessions of a user, the latest first. */
  list(userId: string): Promise<ListedSession[]>
  /** Returns the value of `Set-Cookie` for a token. */
  cookie(token: string): string
  /** The value of `Set-Cookie` that removes the cookie. */
  readonly clearedCookie: string
  /**
   * Calls `listener` for every session that ends, in whichever process; not for one that expires. After an interruption it
   * is called for those that ended meanwhile, so that it may be called twice for one session. Returns a function that
   * removes the listener.
   */
  onEnded(listener: (ended: EndedSession) => void): () => void
}
