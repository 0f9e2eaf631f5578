import { every, type CancelTimer, type Clock } from '@msc/core'

export interface PruningOptions {
  readonly clock: Clock
  readonly keepMs: number
  query<Row>(text: string, values: unknown[]): Promise<Row[]>
  isClosed(): boolean
  report(error: unknown, operation: string): void
}

/** The outbox, as it was when it was last looked at. */
export interface OutboxStats {
  /** By what the database estimates, which costs nothing, however many there are. */
  readonly rows: number
  /** With its indexes. */
  readonly bytes: number
  /** What is too old became more over three minutes, although it is deleted: rows are written faster than that. */
  readonly isGrowing: boolean
}

export interface Pruning {
  /** Milliseconds by which the oldest row is older than it should be; while nobody could look, it grows with the time. */
  readonly lagMs: number
  readonly outbox: OutboxStats | undefined
  stop(): void
}

interface Look {
  /** Monotonic milliseconds. */
  readonly at: number
  readonly lagMs: number
  readonly rows: number
  readonly bytes: number
}

const EVERY_MS = 60_000
const AT_ONCE = 10_000
/** As many looks, one after the other, each of which found the oldest row later than the one before. */
const GROWING = 4
/** What is written between two looks is late by no more than this. */
const SLACK_MS = 2 * EVERY_MS

/** Deletes what is older than it is kept: every minute, and until there is no more. Of several servers one does. */
export function keepPruned({ clock, keepMs, query, isClosed, report }: PruningOptions): Pruning {
  const startedAt = clock.monotonic()
  let looks: readonly Look[] = []
  let isBusy = false
  const seconds = Math.round(keepMs / 1000)
  const prune = async (): Promise<void> => {
    if (isBusy) return
    isBusy = true
    await pruneAll().finally(() => (isBusy = false))
  }
  const pruneAll = async (): Promise<void> => {
    for (let gone = AT_ONCE; gone === AT_ONCE && !isClosed();) {
      const [row] = await query<{ gone: number }>('select msc_feed.prune(make_interval(secs => $1), $2) as gone', [
        seconds,
        AT_ONCE,
      ])
      gone = Number(row?.gone)
      // It may go on for hours where rows come as fast as they go.
      if (gone === AT_ONCE && clock.monotonic() - (looks.at(-1)?.at ?? startedAt) > EVERY_MS) await look()
    }
    if (!isClosed()) await look()
  }
  const look = async (): Promise<void> => {
    const [found] = await query<Found>(LOOK, [])
    const at = clock.monotonic()
    const lagMs = Math.max(0, Number(found?.ms ?? 0) - keepMs)
    const rows = Number(found?.rows ?? 0)
    looks = [...looks, { at, lagMs, rows, bytes: Number(found?.bytes ?? 0) }].slice(-GROWING)
  }
  const stop: CancelTimer = every(EVERY_MS, prune, { clock, onError: (error) => report(error, 'prune') })
  return {
    get lagMs() {
      const { at, lagMs } = looks.at(-1) ?? { at: startedAt, lagMs: 0 }
      const unseenMs = clock.monotonic() - at
      return lagMs + (unseenMs > SLACK_MS ? unseenMs : 0)
    },
    get outbox() {
      const last = looks.at(-1)
      return last && { rows: last.rows, bytes: last.bytes, isGrowing: isGrowing(looks) }
    },
    stop,
  }
}

function isGrowing(looks: readonly Look[]): boolean {
  const isLater = (look: Look, index: number): boolean => index === 0 || look.lagMs > (looks[index - 1] as Look).lagMs
  return looks.length === GROWING && (looks[0] as Look).lagMs > SLACK_MS && looks.every(isLater)
}

interface Found {
  readonly ms: string | null
  readonly rows: string | null
  readonly bytes: string | null
}

/**
 * The oldest row, and the size by the database's own books. The rows are estimated as its planner does, by those of a page; a
 * table that was never analysed has an estimate by its ids.
 */
const LOOK = `select
    (select (extract(epoch from now() - min(inserted_at)) * 1000)::bigint from msc_feed.events)::text as ms,
    case when c.reltuples > 0 and c.relpages > 0
      then (c.reltuples / c.relpages * pg_relation_size(c.oid) / current_setting('block_size')::int)::bigint
      else (select coalesce(max(id) - min(id) + 1, 0) from msc_feed.events)
    end::text as rows,
    pg_total_relation_size(c.oid)::text as bytes
  from pg_class as c where c.oid = 'msc_feed.events'::regclass`
