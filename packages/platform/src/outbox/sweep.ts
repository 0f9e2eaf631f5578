import { MARK_BATCH, PRUNE_BATCH, type OutboxStore } from './store.ts'

export interface SweepContext {
  readonly store: OutboxStore
  readonly kinds: readonly string[]
  readonly keepMs: number
  /** Kinds that other processes deliver. */
  readonly elsewhere: readonly string[]
  readonly unknownAfterMs: number
}

/** Batches of entries that are marked, or removed, in one sweep. */
const MOST_BATCHES = 20

/** Does what the table needs from time to time; several processes may do it at once. */
export async function sweepTable({ store, kinds, elsewhere, keepMs, unknownAfterMs }: SweepContext): Promise<void> {
  await store.mendTimes(kinds)
  for (let batch = 0; batch < MOST_BATCHES; batch++) if ((await store.markBlocked(kinds)) < MARK_BATCH) break
  await store.sortKinds(kinds, elsewhere, unknownAfterMs)
  for (let batch = 0; batch < MOST_BATCHES; batch++) if ((await store.prune(keepMs)) < PRUNE_BATCH) break
}
