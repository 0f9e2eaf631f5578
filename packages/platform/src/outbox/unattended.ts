import { ConfigError } from '@msc/core'
import type { Watch } from './watch.ts'

/** What one look at the table shows of kinds that are not delivered here. */
export interface Waiting {
  /** Kinds of which an entry could be claimed, and of which there is no sign that anybody delivers them. */
  readonly kinds: readonly {
    readonly kind: string
    /** The id of the entry that is next. */
    readonly entry: string
  }[]
  /** Another process holds claims, so that all its places may be taken. Not looked for where no kind waits. */
  readonly othersAreBusy: boolean
}

/** A row of {@link UNATTENDED}. */
export interface UnattendedRow {
  readonly kind: string
  readonly entry: string
  readonly busy: boolean
}

/** For how long a delivery is a sign that somebody delivers its kind, in milliseconds. */
const SIGN_MS = 3000
const MOST_KINDS = 20
/** Entries of one kind in which a claim is looked for. Among more there may be one: late is better than false. */
const MOST_CLAIMS = 1000

/** Claimed, or to be tried again later. Later than an hour is neither: the database's clock was set back. */
const IS_LATER = `e.state = 'pending' and not e.blocked and e.due_at > statement_timestamp()
  and e.due_at < statement_timestamp() + interval '1 hour'`

/** Nothing of the group of `e` goes before it. */
export const IS_FIRST = `(e.grp is null or not exists (
  select from msc_outbox.entries before
  where before.grp = e.grp and before.seq < e.seq and before.state <> 'delivered'))`

/**
 * Kinds of which an entry could be claimed, none of them in $1, and that show no sign of a process that delivers them: none of
 * their entries is claimed, is to be tried again later, or was delivered just now. An entry that waits for its group is no
 * entry of a kind that waits. `busy` says whether a process other than $2 holds any claim.
 *
 * Walks from kind to kind, however many entries they have. For use as a subquery.
 */
export const UNATTENDED: string = `with recursive kinds as (
    (select kind from msc_outbox.entries where state = 'pending' and not blocked order by kind limit 1)
    union all
    select (select e.kind from msc_outbox.entries e
      where e.state = 'pending' and not e.blocked and e.kind > kinds.kind order by e.kind limit 1)
    from kinds where kinds.kind is not null),
  waits as (
    select kinds.kind, next.id::text as entry
    from kinds cross join lateral (
      select e.id from msc_outbox.entries e
      where e.kind = kinds.kind and e.state = 'pending' and not e.blocked and e.due_at <= statement_timestamp() and ${IS_FIRST}
      order by e.due_at, e.seq limit 1) as next
    where kinds.kind <> all ($1::text[])
    and not exists (select from msc_outbox.entries e where e.kind = kinds.kind and ${IS_LATER})
    and not exists (
      select from msc_outbox.entries e
      where e.kind = kinds.kind and e.state = 'delivered'
        and e.ended_at > statement_timestamp() - interval '${SIGN_MS} milliseconds'
        and e.ended_at < statement_timestamp() + interval '1 second')
    limit ${MOST_KINDS})
  select waits.kind, waits.entry, (
    select coalesce(bool_or(later.claims > 0 or later.count = ${MOST_CLAIMS}), false)
    from kinds cross join lateral (
      select count(*) as count,
        count(*) filter (where of.owner is not null and split_part(of.owner, '/', 1) <> $2::text) as claims
      from (select e.owner from msc_outbox.entries e where e.kind = kinds.kind and ${IS_LATER}
        order by e.due_at limit ${MOST_CLAIMS}) as of) as later) as busy
  from waits`

/** Entries in one batch that is parked. */
export const PARK_BATCH = 100

/** The code of what was parked since nobody delivers its kind. */
export const UNKNOWN = 'OUTBOX_KIND_UNKNOWN'

/**
 * Parks only entries of kinds that nobody is delivering: during a deployment, an old process sees what a new one is slow with. What waits for
 * its group comes back with the one before it.
 */
export const PARK_UNKNOWN: string = `update msc_outbox.entries set state = 'parked', owner = null, error_code = '${UNKNOWN}',
    error = 'Nothing delivers this kind.', ended_at = clock_timestamp()
  where id in (
    select e.id from msc_outbox.entries e
    where e.state = 'pending' and not e.blocked and e.kind = any ($3::text[])
      and e.kind in (select kind from (${UNATTENDED}) as waits where not busy)
      and e.due_at <= statement_timestamp() and ${IS_FIRST}
      and e.created_at <= statement_timestamp() - $4::float8 * interval '1 millisecond'
    order by e.seq limit ${PARK_BATCH} for update skip locked)
  returning 1`
/** Puts back what was parked so and is of one of the kinds. */
export const KNOWN_AGAIN: string = `update msc_outbox.entries set state = 'pending', due_at = '-infinity', error = null,
    error_code = null, ended_at = null
  where state = 'parked' and error_code = '${UNKNOWN}' and kind = any ($1::text[])`

export function waitingOf(rows: readonly UnattendedRow[] | null | undefined): Waiting {
  const kinds = rows ?? []
  return { kinds, othersAreBusy: kinds.some(({ busy }) => busy) }
}

/** Takes one look at the table. */
export type Notice = (look: { readonly nextDueMs: number | undefined; readonly waiting: Waiting }) => number

/**
 * Returns a function that reports each kind that nobody delivers once, and again after it was delivered meanwhile. It returns the
 * milliseconds until the table may look otherwise.
 */
export function createNotice(watch: Watch, report: (error: unknown, operation: string) => void): Notice {
  let known: ReadonlySet<string> = new Set()
  return ({ nextDueMs, waiting }) => {
    const { unattended, nextMs } = watch.see(waiting)
    const still = waiting.kinds.map(({ kind }) => kind).filter((kind) => known.has(kind))
    const news = unattended.filter((kind) => !known.has(kind))
    known = new Set([...still, ...news])
    for (const kind of news) report(unattendedError(kind), 'deliver')
    return Math.min(nextDueMs ?? Infinity, nextMs)
  }
}

function unattendedError(kind: string): ConfigError {
  return new ConfigError(`[msc/outbox] Nothing delivers the kind ${kind}: its entries wait.`, {
    code: 'OUTBOX_KIND_UNKNOWN',
    hint: 'Deploy the process that delivers it, or add it to `deliver`; name a kind in `elsewhere` that others deliver. Nothing is lost meanwhile.',
  })
}
