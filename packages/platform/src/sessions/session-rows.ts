import { ValidationError } from '@msc/core'
import type { Transaction } from '../database/database.ts'
import type { EndedSession, ListedSession } from './sessions.ts'

/** Times leave the database as milliseconds, so that no driver's idea of a date comes between. */
const ms = (column: string): string => `(extract(epoch from ${column}) * 1000)::float8`

export interface SessionRow {
  readonly sessionId: string
  readonly userId: string
  readonly expiresAt: number
  /** When the transaction began that read the row, by the database's clock. The row is at least as new. */
  readonly asOf: number
}

/** Returns a live session by the hash of its token, and the database's time in any case. */
export async function readSession(
  tx: Transaction,
  tokenHash: string,
): Promise<{ readonly asOf: number; readonly session: SessionRow | undefined }> {
  const [row] = await tx.query<{ asOf: number; sessionId: string | null; userId: string; expiresAt: number }>(
    `select ${ms('now()')} as "asOf", s.id as "sessionId", s.user_id as "userId", ${ms('s.expires_at')} as "expiresAt"
     from (select 1) as one left join msc_sessions.sessions as s
       on s.token_hash = decode($1, 'hex') and s.ended_at is null and s.expires_at > now()`,
    [tokenHash],
  )
  const { asOf, sessionId, userId, expiresAt } = row as NonNullable<typeof row>
  return { asOf, session: sessionId === null ? undefined : { sessionId, userId, expiresAt, asOf } }
}

/** Moves the end of an idle session on, when that is worth a write. Returns when it expires. */
export async function touchSession(tx: Transaction, session: SessionRow, idleMs: number): Promise<number> {
  const [row] = await tx.query<{ expiresAt: number }>(
    `update msc_sessions.sessions set expires_at = least(latest_at, now() + $2 * interval '1 millisecond')
     where id = $1 and ended_at is null
       and least(latest_at, now() + $2 * interval '1 millisecond') > expires_at + $3 * interval '1 millisecond'
     returning ${ms('expires_at')} as "expiresAt"`,
    [session.sessionId, idleMs, idleMs / 20],
  )
  return row?.expiresAt ?? session.expiresAt
}

export interface NewSession {
  readonly tokenHash: string
  readonly userId: string
  readonly address: string | undefined
  readonly userAgent: string | undefined
  readonly lifetimeMs: number
  readonly idleMs: number | undefined
}

/** Waits for others that start or end sessions of this user, until the end of the transaction. */
export async function lockUser(tx: Transaction, userId: string): Promise<void> {
  await tx.query('select msc_sessions.lock_user($1)', [userId])
}

export async function insertSession(tx: Transaction, session: NewSession): Promise<string> {
  const { tokenHash, userId, address, userAgent, lifetimeMs, idleMs = lifetimeMs } = session
  const [row] = await tx.query<{ id: string }>(
    `insert into msc_sessions.sessions (token_hash, user_id, address, user_agent, latest_at, expires_at)
     values (decode($1, 'hex'), $2, $3, $4, now() + $5 * interval '1 millisecond',
       now() + least($5::float8, $6::float8) * interval '1 millisecond')
     returning id`,
    [tokenHash, userId, cut(address, 64), cut(userAgent, 512), lifetimeMs, idleMs],
  )
  return (row as { id: string }).id
}

/** An ended session, with the hash of its token, by which the cache knows it. */
export interface EndedRow extends EndedSession {
  readonly tokenHash: string
}

const ENDED = `returning id as "sessionId", user_id as "userId", encode(token_hash, 'hex') as "tokenHash"`
const END = 'update msc_sessions.sessions set ended_at = now(), end_reason = $2 where ended_at is null'

export function endByToken(tx: Transaction, tokenHash: string, reason: string): Promise<EndedRow[]> {
  return tx.query(`${END} and token_hash = decode($1, 'hex') and expires_at > now() ${ENDED}`, [
    tokenHash,
    cut(reason, 64),
  ])
}

/** Ends the oldest live sessions of a user but for the latest `most`. */
export function endOldest(tx: Transaction, userId: string, most: number): Promise<EndedRow[]> {
  return tx.query(
    `${END} and id in (
       select id from msc_sessions.sessions where user_id = $1 and ended_at is null and expires_at > now()
       order by created_at desc, id offset $3
     ) ${ENDED}`,
    [userId, 'too-many', most],
  )
}

export function endOfUser(
  tx: Transaction,
  userId: string,
  reason: string,
  except: string | undefined,
): Promise<EndedRow[]> {
  return tx.query(`${END} and user_id = $1 and expires_at > now() and id::text is distinct from $3 ${ENDED}`, [
    userId,
    cut(reason, 64),
    except?.toLowerCase() ?? null,
  ])
}

/** Returns the sessions of a user that the database ended a moment ago, of which this process may not have heard yet. */
export function endedLately(tx: Transaction, userId: string): Promise<EndedRow[]> {
  return tx.query(
    `select id as "sessionId", user_id as "userId", encode(token_hash, 'hex') as "tokenHash" from msc_sessions.sessions
     where user_id = $1 and ended_at > now() - interval '1 minute' and expires_at > now()`,
    [userId],
  )
}

export async function listSessions(tx: Transaction, userId: string): Promise<ListedSession[]> {
  const rows = await tx.query<{ [Key in keyof ListedSession]: ListedSession[Key] | null }>(
    `select id as "sessionId", ${ms('created_at')} as "createdAt", ${ms('expires_at')} as "expiresAt", address,
       user_agent as "userAgent"
     from msc_sessions.sessions where user_id = $1 and ended_at is null and expires_at > now()
     order by created_at desc, id limit 1000`,
    [userId],
  )
  return rows.map((row) => ({
    ...(row as ListedSession),
    address: row.address ?? undefined,
    userAgent: row.userAgent ?? undefined,
  }))
}

/** From when on ends were missed, twice over: the database's clock may have been put forward or back meanwhile. */
export interface MissedSince {
  /** A time of the database, where one is known. */
  readonly at?: number
  /** Milliseconds before the present time of the database. */
  readonly agoMs: number
}

/** Returns sessions that ended since then, in the order of their ids, beginning after the id `after`. */
export function endedSince(
  tx: Transaction,
  { at, agoMs }: MissedSince,
  after: string | undefined,
  limit: number,
): Promise<EndedSession[]> {
  return tx.query(
    `select id as "sessionId", user_id as "userId" from msc_sessions.sessions
     where ended_at >= least(to_timestamp($1::float8 / 1000), now() - $2::float8 * interval '1 millisecond')
       and expires_at > now() and ($3::uuid is null or id > $3::uuid)
     order by id limit $4`,
    [at ?? null, agoMs, after ?? null, limit],
  )
}

/** Deletes at most `limit` expired rows, and returns how many. Another process that does the same takes other rows. */
export async function deleteExpired(tx: Transaction, limit: number): Promise<number> {
  const rows = await tx.query(
    `delete from msc_sessions.sessions where id in (
       select id from msc_sessions.sessions where expires_at <= now() order by expires_at limit $1
       for update skip locked
     ) returning 1 as one`,
    [limit],
  )
  return rows.length
}

/** Postgres takes no NUL, and no half of a surrogate pair. */
export function cut(text: string | undefined, max: number): string | null {
  if (typeof text !== 'string') return null
  const clean = text.slice(0, max).replaceAll('\0', '\ufffd')
  return (clean as string & { toWellFormed(): string }).toWellFormed()
}

/** @throws ValidationError `SESSION_USER_INVALID` for what no column could hold. */
export function assertUserId(userId: unknown): asserts userId is string {
  const fits = typeof userId === 'string' && userId !== '' && userId.length <= 255 && cut(userId, 255) === userId
  if (fits) return
  throw new ValidationError(
    'The id of a user must be text of 1 to 255 characters.',
    [{ message: 'must be text of 1 to 255 characters', path: 'userId' }],
    { code: 'SESSION_USER_INVALID', hint: 'Pass the id of the account that has signed in.' },
  )
}
