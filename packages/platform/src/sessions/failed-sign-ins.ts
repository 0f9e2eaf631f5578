import type { Transaction } from '../database/database.ts'
import { cut } from './session-rows.ts'

export interface FailedSignIn {
  readonly id: string
  /** What was typed in as the account, which may be anything, up to 254 characters. */
  readonly account: string
  readonly address: string | undefined
  /** Milliseconds since the epoch, by the database's clock. */
  readonly at: number
  readonly reason: string
}

/** An account and an address, as hashes. */
export interface KnownPair {
  readonly account: string
  readonly address: string
}

const KEEP = "interval '90 days'"
const MOST_FAILURES = 100_000
/** A person has a home, a phone and an office; this many are kept. */
const MOST_ADDRESSES = 50

export async function insertFailure(
  tx: Transaction,
  { account, address, reason }: { account: string; address: string | undefined; reason: string },
): Promise<void> {
  await tx.query('insert into msc_sessions.failed_sign_ins (account, address, reason) values ($1, $2, $3)', [
    cut(account, 254),
    cut(address, 64),
    cut(reason, 64),
  ])
}

/** Returns failures with an id below `before`, the latest first. */
export async function listFailures(
  tx: Transaction,
  before: string | undefined,
  limit: number,
): Promise<FailedSignIn[]> {
  const rows = await tx.query<Omit<FailedSignIn, 'address'> & { readonly address: string | null }>(
    `select id::text, account, address, (extract(epoch from at) * 1000)::float8 as at, reason
     from msc_sessions.failed_sign_ins where $1::bigint is null or id < $1::bigint order by id desc limit $2`,
    [before ?? null, limit],
  )
  return rows.map((row) => ({ ...row, address: row.address ?? undefined }))
}

/** Returns when the account has last signed in from the address, as text that each sign-in changes; `undefined` if never. */
export async function lastSignIn(tx: Transaction, { account, address }: KnownPair): Promise<string | undefined> {
  const [row] = await tx.query<{ at: string }>(
    `select extract(epoch from seen_at)::text as at from msc_sessions.known_addresses
     where account_hash = decode($1, 'hex') and address_hash = decode($2, 'hex') and seen_at > now() - ${KEEP}`,
    [account, address],
  )
  return row?.at
}

export async function remember(tx: Transaction, { account, address }: KnownPair): Promise<void> {
  await tx.query(
    `insert into msc_sessions.known_addresses (account_hash, address_hash) values (decode($1, 'hex'), decode($2, 'hex'))
     on conflict (account_hash, address_hash) do update set seen_at = now()`,
    [account, address],
  )
  await tx.query(
    `delete from msc_sessions.known_addresses where account_hash = decode($1, 'hex') and address_hash in (
       select address_hash from msc_sessions.known_addresses where account_hash = decode($1, 'hex')
       order by seen_at desc, address_hash offset $2
     )`,
    [account, MOST_ADDRESSES],
  )
}

/** Deletes at most `limit` failures that are too old or too many, and returns how many. */
export async function deleteOldFailures(tx: Transaction, limit: number): Promise<number> {
  const rows = await tx.query(
    `delete from msc_sessions.failed_sign_ins where id in (
       select id from msc_sessions.failed_sign_ins where at < now() - ${KEEP} or id <= (
         select id from msc_sessions.failed_sign_ins order by id desc offset $2 limit 1
       ) order by id limit $1 for update skip locked
     ) returning 1 as one`,
    [limit, MOST_FAILURES],
  )
  return rows.length
}

/** Deletes at most `limit` addresses that nobody has signed in from for long, and returns how many. */
export async function deleteOldAddresses(tx: Transaction, limit: number): Promise<number> {
  const rows = await tx.query(
    `delete from msc_sessions.known_addresses where (account_hash, address_hash) in (
       select account_hash, address_hash from msc_sessions.known_addresses where seen_at < now() - ${KEEP} limit $1
       for update skip locked
     ) returning 1 as one`,
    [limit],
  )
  return rows.length
}
