import { MAX_WAITING_BYTES } from '../rooms/broadcast.ts'
import type { RealtimeStats } from './stats.ts'

/** Why a server works, and not as it should. */
export type DegradedReason =
  | 'FEEDS_NOT_HEARD'
  | 'FEEDS_LATE'
  | 'PRUNING_LATE'
  | 'OUTBOX_GROWS'
  | 'BUS_FAILING'
  | 'BUS_NOT_HEARD'
  | 'ROOMS_WAIT'

export interface ServerHealth {
  readonly status: 'ok' | 'degraded'
  /** Empty while it is as it should be. */
  readonly reasons: readonly DegradedReason[]
}

/** Milliseconds. */
const FEEDS_LATE_MS = 30_000
const PRUNING_LATE_MS = 3_600_000

/** A server's health by its numbers. It names no backend and no address: strangers may ask for it. */
export function judgeHealth({ feeds, bus, waitingBytes }: Omit<RealtimeStats, 'health'>): ServerHealth {
  const found: readonly (readonly [DegradedReason, boolean | undefined])[] = [
    ['FEEDS_NOT_HEARD', feeds && (feeds.mode === 'starting' || feeds.isDeaf)],
    ['FEEDS_LATE', feeds && (feeds.lagMs ?? 0) > FEEDS_LATE_MS],
    ['PRUNING_LATE', feeds && feeds.pruneLagMs > PRUNING_LATE_MS],
    ['OUTBOX_GROWS', feeds?.outbox?.isGrowing],
    ['BUS_FAILING', bus?.failing],
    ['BUS_NOT_HEARD', bus?.isDeaf],
    ['ROOMS_WAIT', waitingBytes > MAX_WAITING_BYTES / 2],
  ]
  const reasons = found.flatMap(([reason, holds]) => (holds ? [reason] : []))
  return { status: reasons.length > 0 ? 'degraded' : 'ok', reasons }
}
