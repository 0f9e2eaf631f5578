import { MARK_BATCH, PRUNE_BATCH, type OutboxStore } from './store.ts'
import { PARK_BATCH, type Notice } from './unattended.ts'
import type { Watch } from './watch.ts'

export interface SweepContext {
  readonly store: OutboxStore
  readonly kinds: readonly string[]
  readonly keepMs: number
  /** Kinds that other processes deliver. */
  readonly elsewhere: readonly string[]
  readonly unknownAfterMs: number
  readonly watch: Watch
  readonly notice: Notice
}

/** Batches of entries that are marked, parked or removed in one sweep. */
const MOST_BATCHES = 20

/** Does what the table needs from time to time; several processes may do it at once. */
export async function sweepTable(context: SweepContext): Promise<void> {
  const { store, kinds, elsewhere, keepMs, unknownAfterMs, watch, notice } = context
  await store.mendTimes(kinds)
  await inBatches(MARK_BATCH, () => store.markBlocked(kinds))
  await store.unpark(kinds)
  // While every place is taken, nothing else looks.
  notice(await store.look(kinds, elsewhere))
  const unknown = watch.unattendedFor(unknownAfterMs)
  const known = [...kinds, ...elsewhere]
  if (unknown.length > 0) await inBatches(PARK_BATCH, () => store.park(unknown, known, unknownAfterMs))
  await inBatches(PRUNE_BATCH, () => store.prune(keepMs))
}

/** Goes on while batches are full. */
async function inBatches(size: number, work: () => Promise<number>): Promise<void> {
  for (let batch = 0; batch < MOST_BATCHES; batch++) if ((await work()) < size) return
}
