import { MARK_BATCH, PRUNE_BATCH, type OutboxStore } from './store.ts'

export interface SweepContext {
  readonly store: OutboxStore
  readonly kinds: readonly string[]
  readonly keepMs: number
  readonly unknownAfterMs: number
  readonly report: (error: unknown, operation: string, details: Readonly<Record<string, unknown>>) => void
}

/** Batches of entries that are marked, or removed, in one sweep. */
const MOST_BATCHES = 20

/** Does what the table needs from time to time; several processes may do it at once. */
export async function sweepTable({ store, kinds, keepMs, unknownAfterMs, report }: SweepContext): Promise<void> {
  await store.mendTimes(kinds)
  for (let batch = 0; batch < MOST_BATCHES; batch++) if ((await store.markBlocked(kinds)) < MARK_BATCH) break
  for (const { id, kind } of await store.sortKinds(kinds, unknownAfterMs)) {
    report(new Error(`Nothing delivers the kind ${kind}: its entry is parked until a process does.`), 'deliver', {
      id,
      kind,
    })
  }
  for (let batch = 0; batch < MOST_BATCHES; batch++) if ((await store.prune(keepMs)) < PRUNE_BATCH) break
}
