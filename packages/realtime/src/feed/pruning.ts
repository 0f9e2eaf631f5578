import { every, type CancelTimer, type Clock } from '@msc/core'

export interface PruningOptions {
  readonly clock: Clock
  readonly keepMs: number
  query<Row>(text: string, values: unknown[]): Promise<Row[]>
  isClosed(): boolean
  report(error: unknown, operation: string): void
}

export interface Pruning {
  /** Milliseconds by which the oldest row is older than it should be, when it was last looked at. */
  readonly lagMs: number
  stop(): void
}

const EVERY_MS = 60_000
const AT_ONCE = 10_000

/** Deletes what is older than it is kept: every minute, and until there is no more. Of several servers one does. */
export function keepPruned({ clock, keepMs, query, isClosed, report }: PruningOptions): Pruning {
  let lagMs = 0
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
    }
    const [oldest] = await query<{ ms: string | null }>(
      'select (extract(epoch from now() - min(inserted_at)) * 1000)::bigint::text as ms from msc_feed.events',
      [],
    )
    lagMs = Math.max(0, Number(oldest?.ms ?? 0) - keepMs)
  }
  const stop: CancelTimer = every(EVERY_MS, prune, { clock, onError: (error) => report(error, 'prune') })
  return {
    get lagMs() {
      return lagMs
    },
    stop,
  }
}
