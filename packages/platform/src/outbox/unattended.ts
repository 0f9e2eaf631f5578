import { ConfigError } from '@msc/core'

/** A kind that is not delivered here, of which an entry waits that nobody has claimed. */
export interface WaitingKind {
  readonly kind: string
  /** Milliseconds since its oldest such entry was added. Below 0: the database's clock was set back. */
  readonly ageMs: number
}

/**
 * How long another process has to claim an entry of a kind that is not delivered here, in milliseconds. As a rule it hears of
 * it at the commit, as this one does; behind a transaction pooler it looks every 2 seconds.
 */
const GRACE_MS = 3000

const MOST_KINDS = 20

/**
 * Kinds of which an entry waits, none of them in $1, that no process delivers: none of its entries is claimed, is to be tried
 * again later, or was delivered just now. Walks from kind to kind, however many entries they have. For use as a subquery.
 */
export const UNATTENDED: string = `with recursive kinds as (
    (select kind from msc_outbox.entries where state = 'pending' and not blocked order by kind limit 1)
    union all
    select (select e.kind from msc_outbox.entries e
      where e.state = 'pending' and not e.blocked and e.kind > kinds.kind order by e.kind limit 1)
    from kinds where kinds.kind is not null)
  select kinds.kind, (extract(epoch from clock_timestamp() - oldest.created_at) * 1000)::float8 as age
  from kinds cross join lateral (
    select e.created_at from msc_outbox.entries e
    where e.kind = kinds.kind and e.state = 'pending' and not e.blocked and e.due_at <= statement_timestamp()
    order by e.due_at, e.seq limit 1) as oldest
  where kinds.kind <> all ($1::text[]) and not exists (
    select from msc_outbox.entries e
    where e.kind = kinds.kind and e.state = 'pending' and not e.blocked and e.due_at > statement_timestamp())
  and not exists (
    select from msc_outbox.entries e
    where e.kind = kinds.kind and e.state = 'delivered'
      and e.ended_at > statement_timestamp() - interval '${GRACE_MS} milliseconds')
  limit ${MOST_KINDS}`

/** Tells kinds that nobody delivers from those that another process is about to claim. */
export function splitByGrace(waiting: readonly WaitingKind[]): {
  readonly unattended: readonly string[]
  /** Milliseconds until the next one has waited for too long. */
  readonly nextMs: number | undefined
} {
  const isYoung = ({ ageMs }: WaitingKind): boolean => ageMs >= 0 && ageMs < GRACE_MS
  const young = waiting.filter(isYoung).map(({ ageMs }) => GRACE_MS - ageMs)
  return {
    unattended: waiting.filter((each) => !isYoung(each)).map(({ kind }) => kind),
    nextMs: young.length > 0 ? Math.min(...young) : undefined,
  }
}

/** Takes one look at the table. */
export type Notice = (look: {
  readonly nextDueMs: number | undefined
  readonly waiting: readonly WaitingKind[]
}) => number

/**
 * Returns a function that reports each kind that nobody delivers once, and again after it was delivered meanwhile. It returns the
 * milliseconds until the table may look otherwise.
 */
export function createNotice(report: (error: unknown, operation: string) => void): Notice {
  let known: ReadonlySet<string> = new Set()
  return ({ nextDueMs, waiting }) => {
    const { unattended, nextMs } = splitByGrace(waiting)
    const before = known
    known = new Set(unattended)
    for (const kind of known) if (!before.has(kind)) report(unattendedError(kind), 'deliver')
    return Math.min(nextDueMs ?? Infinity, nextMs ?? Infinity)
  }
}

function unattendedError(kind: string): ConfigError {
  return new ConfigError(`[msc/outbox] Nothing delivers the kind ${kind}: its entries wait.`, {
    code: 'OUTBOX_KIND_UNKNOWN',
    hint: 'Deploy the process that delivers it, or add it to `deliver`; name a kind in `elsewhere` that others deliver. Nothing is lost meanwhile.',
  })
}
