import type { Carrier } from '@msc/core'
import type { Database, Transaction } from '../database/database.ts'
import { explained, invalid } from './add.ts'
import type { OutboxState, ParkedEntry } from './outbox.ts'
import {
  IS_FIRST,
  KNOWN_AGAIN,
  PARK_UNKNOWN,
  UNATTENDED,
  UNKNOWN,
  waitingOf,
  type UnattendedRow,
  type Waiting,
} from './unattended.ts'
import type { Outcome } from './verdict.ts'

/** An entry that this process has claimed. */
export interface ClaimedEntry {
  readonly id: string
  readonly kind: string
  readonly grp: string | null
  readonly payload: unknown
  readonly traceparent: string | null
  readonly user_id: string | null
  readonly attempts: number
  readonly created_ms: number
}

/** An entry and the claim on it. */
export interface Held {
  readonly id: string
  readonly owner: string
}

export interface Counts {
  /** At most 10 000, as are the others. */
  readonly pending: number
  readonly parked: number
  /** Of the parked ones, those of a kind that nothing delivered. They come back by themselves. */
  readonly parkedUnknown: number
  /** Milliseconds since the oldest pending entry was added. */
  readonly oldestMs: number
  /** Kinds that are not delivered here and that are parked for it. */
  readonly parkedKinds: readonly string[]
  readonly waiting: Waiting
}

interface Look {
  readonly nextDueMs: number | undefined
  readonly waiting: Waiting
}

/** The table of entries. Each call is one short transaction; times are the database's. */
export interface OutboxStore {
  /** Claims entries that are due: of each kind as many as it has places. */
  claim(places: ReadonlyMap<string, number>, owner: string, leaseMs: number): Promise<ClaimedEntry[]>
  /** Returns the ids of those that were still this process's. */
  settle(outcomes: readonly (Held & { readonly outcome: Outcome })[]): Promise<string[]>
  /** Returns the ids of those that are still this process's. */
  renew(held: readonly Held[], leaseMs: number): Promise<string[]>
  /**
   * Returns the milliseconds until the next entry of the kinds is due that is not yet (`undefined` when there is none), and
   * which kinds wait that are none of these nor of `others`.
   */
  look(kinds: readonly string[], others: readonly string[]): Promise<Look>
  /**
   * Parks a batch of entries of `unknown`, none of them in `known`, that were added more than `unknownAfterMs` ago, unless there is a sign by now that
   * somebody delivers their kind, or another process holds any claim. Returns how many.
   */
  park(unknown: readonly string[], known: readonly string[], unknownAfterMs: number): Promise<number>
  /** Puts back entries of the kinds that were parked since nobody delivered them. */
  unpark(kinds: readonly string[]): Promise<void>
  /**
   * Marks a batch of what waits for the first entry of its group, so that a group that is stuck costs the others
   * nothing however long it is; and frees what is first by now. Returns how many it has marked.
   */
  markBlocked(kinds: readonly string[]): Promise<number>
  /** Removes a batch of entries that were delivered more than `keepMs` ago. Returns how many. */
  prune(keepMs: number): Promise<number>
  /** Makes entries due whose time is further away than any could be: the database's clock was set back. */
  mendTimes(kinds: readonly string[]): Promise<void>
  /** @param known Kinds that are delivered here, or by others. */
  counts(known: readonly string[], signal: AbortSignal): Promise<Counts>
  state(ids: readonly string[]): Promise<OutboxState[]>
  parked(limit: number): Promise<ParkedEntry[]>
  retry(id: string): Promise<boolean>
  discard(id: string): Promise<boolean>
}

/** Entries in one batch that is marked. */
export const MARK_BATCH = 5000
/** Entries in one batch that is removed. */
export const PRUNE_BATCH = 1000

/**
 * Who goes before an entry of its group holds it, also when it is parked. `statement_timestamp` and not `clock_timestamp`: an
 * index can't be asked for a time that moves. The lease of an entry that was claimed often without an outcome is longer, as
 * it may be what kills the processes that claim it.
 */
const CLAIM = `with due as materialized (
    select taken.id from unnest($1::text[], $2::int[]) as free (kind, places)
    cross join lateral (
      select e.id from msc_outbox.entries e
      where e.kind = free.kind and e.state = 'pending' and not e.blocked and e.due_at <= statement_timestamp()
        and ${IS_FIRST}
      order by e.due_at, e.seq limit free.places for update skip locked
    ) as taken)
  update msc_outbox.entries e set owner = $3, attempts = e.attempts + 1, due_at = clock_timestamp()
    + least($4::float8 * power(2, greatest(least(e.attempts - 4, 3), 0)), greatest($4::float8, 300000)) * interval '1 millisecond'
  from due where e.id = due.id
  returning e.id::text, e.kind, e.grp, e.payload, e.traceparent, e.user_id, e.attempts, e.seq::float8 as seq,
    (extract(epoch from e.created_at) * 1000)::float8 as created_ms`

const SETTLE = `update msc_outbox.entries e set state = given.state, owner = null, error = given.error,
    error_code = given.code, attempts = e.attempts - given.back,
    due_at = clock_timestamp() + given.delay * interval '1 millisecond',
    ended_at = case when given.state <> 'pending' then clock_timestamp() end
  from unnest($1::uuid[], $2::text[], $3::text[], $4::float8[], $5::text[], $6::text[], $7::int[])
    as given (id, owner, state, delay, error, code, back)
  where e.id = given.id and e.owner = given.owner and e.state = 'pending' returning e.id::text, e.grp`

/** The first entry of a group that is not delivered. */
const FIRST = `(select first.id from msc_outbox.entries first
  where first.grp = of.grp and first.state <> 'delivered' order by first.seq limit 1)`

/**
 * Frees the next entry of each group. Not only where it is marked: whoever marks it now has not committed yet, and this has to
 * wait for them.
 */
const FREE_NEXT = `update msc_outbox.entries set blocked = false
  where id in (select ${FIRST} from unnest($1::text[]) as of (grp))`

/** Marks what waits behind an entry that is parked, claimed, due later, or not delivered here. */
const MARK = `with stuck as materialized (
    select distinct grp from msc_outbox.entries where grp is not null and (state = 'parked'
      or (state = 'pending' and not blocked and (kind <> all ($1::text[]) or due_at > statement_timestamp())))),
  marked as (update msc_outbox.entries set blocked = true where id in (
    select waits.id from stuck cross join lateral (
      select e.id from msc_outbox.entries e
      where e.grp = stuck.grp and e.state = 'pending' and not e.blocked and exists (
        select from msc_outbox.entries before
        where before.grp = e.grp and before.seq < e.seq and before.state <> 'delivered')
      order by e.seq limit ${MARK_BATCH} for update skip locked) as waits
    limit ${MARK_BATCH}) returning 1)
  select count(*)::int as count from marked`

/** Frees entries that are the first of their group by now. Walks from group to group, however many entries they have. */
const FREE_FIRST = `with recursive groups as (
    (select grp from msc_outbox.entries where state = 'pending' and blocked order by grp limit 1)
    union all
    select (select e.grp from msc_outbox.entries e
      where e.state = 'pending' and e.blocked and e.grp > groups.grp order by e.grp limit 1)
    from groups where groups.grp is not null)
  update msc_outbox.entries set blocked = false
  where blocked and id in (select ${FIRST} from groups as of where of.grp is not null)`

const RENEW = `update msc_outbox.entries e set due_at = clock_timestamp() + $3::float8 * interval '1 millisecond'
  from unnest($1::uuid[], $2::text[]) as given (id, owner)
  where e.id = given.id and e.owner = given.owner and e.state = 'pending' returning e.id::text`

const LOOK = `select (
    select (extract(epoch from min(next.due_at) - clock_timestamp()) * 1000)::float8
    from unnest($3::text[]) as known (kind) cross join lateral (
      select e.due_at from msc_outbox.entries e
      where e.kind = known.kind and e.state = 'pending' and not e.blocked and e.due_at > statement_timestamp()
      order by e.due_at limit 1) as next) as ms,
  (select json_agg(waits) from (${UNATTENDED}) as waits) as waiting`

const PRUNE = `delete from msc_outbox.entries where id in (
    select id from msc_outbox.entries
    where state = 'delivered' and ended_at < statement_timestamp() - $1::float8 * interval '1 millisecond'
    order by ended_at limit ${PRUNE_BATCH} for update skip locked)
  returning 1`
/** No lease and no backoff is longer than half an hour. */
const MEND = `update msc_outbox.entries set due_at = clock_timestamp()
  where kind = any ($1::text[]) and state = 'pending' and not blocked and due_at > statement_timestamp() + interval '1 hour'`

const COUNTS = `select
  (select count(*) from (select from msc_outbox.entries where state = 'pending' limit 10000) as counted)::int as pending,
  parked.count as parked, parked.unknown, parked.kinds, waits.waiting,
  coalesce((select extract(epoch from clock_timestamp() - created_at) * 1000 from msc_outbox.entries
    where state = 'pending' order by seq limit 1), 0)::float8 as oldest
  from (
    select count(*)::int as count, (count(*) filter (where error_code = '${UNKNOWN}'))::int as unknown,
      json_agg(distinct kind) filter (where error_code = '${UNKNOWN}' and kind <> all ($1::text[])) as kinds
    from (select kind, error_code from msc_outbox.entries where state = 'parked' limit 10000) as counted) as parked,
  (select json_agg(each) as waiting from (${UNATTENDED}) as each) as waits`

const STATE = `select id::text, state, attempts, error, error_code from msc_outbox.entries where id = any ($1::uuid[])`
const PARKED = `select id::text, kind, grp, attempts, error, error_code from msc_outbox.entries
  where state = 'parked' order by seq limit $1`
const RETRY = `update msc_outbox.entries set state = 'pending', due_at = '-infinity', attempts = 0, error = null,
    error_code = null, ended_at = null
  where id = $1 and state = 'parked' returning pg_notify('msc_outbox', id::text)`
const DISCARD = `delete from msc_outbox.entries where id = $1 and state = 'parked' returning grp, pg_notify('msc_outbox', id::text)`

/** Milliseconds for one statement of the outbox itself: each connection that has gone silent costs it once. */
const STATEMENT_MS = 5000

/** @param name Begins, before a slash, the `owner` of each claim of this process. */
export function outboxStore(database: Database, name: string): OutboxStore {
  const run = async <T>(work: (tx: Transaction) => Promise<T>, signal?: AbortSignal): Promise<T> => {
    try {
      return await database.asService(work, { timeoutMs: STATEMENT_MS, ...(signal && { signal }) })
    } catch (error) {
      throw explained(error)
    }
  }
  const query = <Row>(sql: string, params: readonly unknown[], signal?: AbortSignal): Promise<Row[]> =>
    run((tx) => tx.query<Row>(sql, params), signal)
  const idsOf = (rows: readonly { readonly id: string }[]): string[] => rows.map(({ id }) => id)
  const one = async (sql: string, id: string): Promise<boolean> => {
    assertIds([id])
    return (await query(sql, [id])).length > 0
  }
  return {
    async claim(places, owner, leaseMs) {
      const rows = await query<ClaimedEntry & { readonly seq: number }>(CLAIM, [
        [...places.keys()],
        [...places.values()],
        owner,
        leaseMs,
      ])
      return rows.toSorted((a, b) => a.seq - b.seq)
    },
    settle: (given) =>
      run(async (tx) => {
        const rows = await tx.query<{ readonly id: string; readonly grp: string | null }>(SETTLE, [
          given.map(({ id }) => id),
          given.map(({ owner }) => owner),
          given.map(({ outcome }) => outcome.state),
          given.map(({ outcome }) => outcome.delayMs),
          given.map(({ outcome }) => outcome.error ?? null),
          given.map(({ outcome }) => outcome.errorCode ?? null),
          given.map(({ outcome }) => (outcome.counts ? 0 : 1)),
        ])
        const groups = rows.map(({ grp }) => grp).filter((grp) => grp !== null)
        if (groups.length > 0) await tx.query(FREE_NEXT, [groups])
        return idsOf(rows)
      }),
    renew: async (held, leaseMs) =>
      idsOf(await query(RENEW, [held.map(({ id }) => id), held.map(({ owner }) => owner), leaseMs])),
    async look(kinds, others) {
      const [row] = await query<{ ms: number | null; waiting: UnattendedRow[] | null }>(LOOK, [
        [...kinds, ...others],
        name,
        kinds,
      ])
      return { nextDueMs: row?.ms ?? undefined, waiting: waitingOf(row?.waiting) }
    },
    park: async (unknown, known, unknownAfterMs) =>
      (await query(PARK_UNKNOWN, [known, name, unknown, unknownAfterMs])).length,
    unpark: async (kinds) => void (await query(KNOWN_AGAIN, [kinds])),
    markBlocked: (kinds) =>
      run(async (tx) => {
        const [row] = await tx.query<{ readonly count: number }>(MARK, [kinds])
        // What was delivered since the first statement has looked; and whatever somebody removed by hand.
        await tx.query(FREE_FIRST, [])
        return row?.count ?? 0
      }),
    prune: async (keepMs) => (await query(PRUNE, [keepMs])).length,
    mendTimes: async (kinds) => void (await query(MEND, [kinds])),
    async counts(known, signal) {
      const [row] = await query<CountsRow>(COUNTS, [known, name], signal)
      if (!row) return NO_COUNTS
      const { pending, parked, unknown, kinds, waiting, oldest } = row
      return {
        pending,
        parked,
        parkedUnknown: unknown,
        oldestMs: Math.max(0, oldest),
        parkedKinds: kinds ?? [],
        waiting: waitingOf(waiting),
      }
    },
    async state(ids) {
      assertIds(ids)
      const rows = await query<FailedRow & { readonly state: OutboxState['state'] }>(STATE, [ids])
      const found = new Map(rows.map((row) => [row.id, { state: row.state, ...failedOf(row) }]))
      return ids.map((id) => ({ state: 'unknown', attempts: 0, ...found.get(id.toLowerCase()), id }))
    },
    async parked(limit) {
      const rows = await query<FailedRow & { readonly kind: string; readonly grp: string | null }>(PARKED, [limit])
      return rows.map((row) => ({ kind: row.kind, ...(row.grp !== null && { group: row.grp }), ...failedOf(row) }))
    },
    retry: (id) => one(RETRY, id),
    discard: async (id) => {
      assertIds([id])
      return run(async (tx) => {
        const rows = await tx.query<{ readonly grp: string | null }>(DISCARD, [id])
        if (rows[0]?.grp) await tx.query(FREE_NEXT, [[rows[0].grp]])
        return rows.length > 0
      })
    },
  }
}

export const NO_COUNTS: Counts = {
  pending: 0,
  parked: 0,
  parkedUnknown: 0,
  oldestMs: 0,
  parkedKinds: [],
  waiting: waitingOf(null),
}

interface CountsRow {
  readonly pending: number
  readonly parked: number
  readonly unknown: number
  /** Kinds that were parked since nobody delivered them. */
  readonly kinds: readonly string[] | null
  readonly waiting: readonly UnattendedRow[] | null
  readonly oldest: number
}

interface FailedRow {
  readonly id: string
  readonly attempts: number
  readonly error: string | null
  readonly error_code: string | null
}

function failedOf({ id, attempts, error, error_code: code }: FailedRow): Omit<OutboxState, 'state'> {
  return { id, attempts, ...(error !== null && { error }), ...(code !== null && { errorCode: code }) }
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i
const MOST_IDS = 1000

function assertIds(ids: readonly string[]): void {
  const list: unknown = ids
  if (!Array.isArray(list) || list.length > MOST_IDS) throw invalid('ids', `must be a list of at most ${MOST_IDS}`)
  for (const id of list as unknown[]) {
    if (typeof id !== 'string' || !UUID.test(id)) throw invalid('id', 'is no UUID')
  }
}

/** Returns the carrier that an entry was added with. */
export function carrierOf({ traceparent, user_id: userId }: ClaimedEntry): Partial<Carrier> {
  return { ...(traceparent !== null && { traceparent }), ...(userId !== null && { userId }) }
}
