import type { Transaction } from '../database/database.ts'
import type { RecordedResponse } from './recorded-response.ts'

/** A run of a request. Hashes are hex digits. */
export interface Claim {
  readonly key: string
  readonly caller: string
  readonly fingerprint: string
  /** The id of this run. */
  readonly claim: string
}

export type ClaimOutcome =
  | { readonly kind: 'claimed' }
  | { readonly kind: 'running' }
  | { readonly kind: 'other' }
  | { readonly kind: 'done'; readonly record: RecordedResponse }

export interface ClaimTimes {
  readonly leaseMs: number
  readonly keepMs: number
}

const after = (parameter: number): string => `clock_timestamp() + $${parameter}::float8 * interval '1 millisecond'`

/**
 * Takes the key of a request, or returns what another run has made of it. A run has its key until its lease is over, however
 * soon answers expire.
 */
export async function claimRequest(tx: Transaction, claim: Claim, times: ClaimTimes): Promise<ClaimOutcome> {
  const { key, caller, fingerprint } = claim
  const taken = await tx.query(
    `insert into msc_idempotency.requests as r (key, caller, fingerprint, claim, leased_until, expires_at)
     values (decode($1, 'hex'), decode($2, 'hex'), decode($3, 'hex'), $4, ${after(5)}, ${after(6)})
     on conflict (key) do update set
       fingerprint = excluded.fingerprint, claim = excluded.claim, leased_until = excluded.leased_until,
       expires_at = excluded.expires_at, created_at = excluded.created_at, status = null, headers = null, body = null
     where (r.leased_until is null or r.leased_until <= clock_timestamp())
       and (r.expires_at <= clock_timestamp()
         or (r.leased_until is not null and r.fingerprint = excluded.fingerprint))
     returning 1 as one`,
    [key, caller, fingerprint, claim.claim, times.leaseMs, times.keepMs],
  )
  if (taken.length > 0) return { kind: 'claimed' }
  const [row] = await tx.query<{ same: boolean; status: number | null; headers: string; body: string }>(
    `select fingerprint = decode($2, 'hex') as same, status, headers, encode(body, 'base64') as body
     from msc_idempotency.requests where key = decode($1, 'hex')`,
    [key, fingerprint],
  )
  // Released between the two statements: as good as running, since the client tries again.
  if (!row) return { kind: 'running' }
  const { same, status, headers, body } = row
  if (!same) return { kind: 'other' }
  return status === null ? { kind: 'running' } : { kind: 'done', record: { status, headers, body } }
}

/** Moves the end of the lease on. Returns false when the run has lost its key. */
export async function renewRequest(tx: Transaction, { key, claim }: Claim, leaseMs: number): Promise<boolean> {
  const rows = await tx.query(
    `update msc_idempotency.requests set leased_until = ${after(3)}
     where key = decode($1, 'hex') and claim = $2 and status is null returning 1 as one`,
    [key, claim, leaseMs],
  )
  return rows.length > 0
}

/** Keeps the answer of a run that still has its key, and removes what the caller has too many of. */
export async function recordRequest(
  tx: Transaction,
  { key, caller, claim }: Claim,
  { status, headers, body }: RecordedResponse,
  { keepMs, most }: { readonly keepMs: number; readonly most: number },
): Promise<void> {
  await tx.query(
    `update msc_idempotency.requests set status = $3, headers = $4, body = decode($5, 'base64'), leased_until = null,
       expires_at = ${after(6)}
     where key = decode($1, 'hex') and claim = $2 and status is null`,
    [key, claim, status, headers, body, keepMs],
  )
  await tx.query(
    `delete from msc_idempotency.requests where key in (
       select key from msc_idempotency.requests where caller = decode($1, 'hex') and status is not null
       order by created_at desc, key offset $2 for update skip locked
     )`,
    [caller, most],
  )
}

/** Gives the key back, so that the request may run again. */
export async function releaseRequest(tx: Transaction, { key, claim }: Claim): Promise<void> {
  await tx.query(
    `delete from msc_idempotency.requests where key = decode($1, 'hex') and claim = $2 and status is null`,
    [key, claim],
  )
}

/** Deletes at most `limit` expired rows, none of a run that is under way, and returns how many. */
export async function deleteExpiredRequests(tx: Transaction, limit: number): Promise<number> {
  const rows = await tx.query(
    `delete from msc_idempotency.requests where key in (
       select key from msc_idempotency.requests
       where expires_at <= now() and (leased_until is null or leased_until <= now()) order by expires_at limit $1
       for update skip locked
     ) returning 1 as one`,
    [limit],
  )
  return rows.length
}
