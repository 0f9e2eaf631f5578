import type { Clock } from '@msc/core'
import type { Waiting } from './unattended.ts'

/**
 * How long another process has to claim what waits, in milliseconds. As a rule it hears of it at the commit, as this one does;
 * behind a transaction pooler it looks every 2 seconds.
 */
const GRACE_MS = 3000
/** The same while another process holds claims: all its places may be taken, which the table does not show. */
const BUSY_GRACE_MS = 300_000
/** After a failed look the database was away from the others too, and they come back one after the other. */
const RECOVERY_MS = 60_000

/** A kind that waits. */
interface Sight {
  /** The entry that is next of its kind. While the same one waits, nobody delivers the kind. */
  readonly entry: string
  /** Monotonic milliseconds of this process: when it first saw that entry wait. */
  readonly sinceMs: number
  readonly isUnattended: boolean
}

/** Tells kinds that nobody delivers from those that another process is about to claim, by what this process has seen. */
export interface Watch {
  /** Takes one look at the table. */
  see(waiting: Waiting): {
    readonly unattended: readonly string[]
    /** Milliseconds until another look may find more of them; `Infinity` when none may. */
    readonly nextMs: number
  }
  /** Returns the kinds that were unattended at each look of the last `ms` milliseconds, at which no other process held a claim. */
  unattendedFor(ms: number): string[]
  /** Takes a failed look: what waits may wait for the database. */
  lose(): void
}

export function createWatch(clock: Pick<Clock, 'monotonic'>): Watch {
  let sights: ReadonlyMap<string, Sight> = new Map()
  /** When this process last began to see no claims of others; `undefined` while it sees some. */
  let quietSinceMs: number | undefined
  let patientUntilMs = -Infinity
  const alarmAt = ({ sinceMs }: Sight): number => {
    const quietMs = quietSinceMs === undefined ? Infinity : Math.max(sinceMs, quietSinceMs) + GRACE_MS
    return Math.max(patientUntilMs, Math.min(quietMs, sinceMs + BUSY_GRACE_MS))
  }
  return {
    see({ kinds, othersAreBusy }) {
      const now = clock.monotonic()
      // Where nothing waits, nobody has looked for claims.
      quietSinceMs = othersAreBusy || kinds.length === 0 ? undefined : (quietSinceMs ?? now)
      const seen = kinds.map(({ kind, entry }): [string, Sight] => {
        const before = sights.get(kind)
        const sight = before?.entry === entry ? before : { entry, sinceMs: now, isUnattended: false }
        return [kind, { ...sight, isUnattended: sight.isUnattended || now >= alarmAt(sight) }]
      })
      sights = new Map(seen)
      const young = seen.filter(([, { isUnattended }]) => !isUnattended)
      return {
        unattended: seen.filter(([, { isUnattended }]) => isUnattended).map(([kind]) => kind),
        nextMs: Math.min(Infinity, ...young.map(([, sight]) => alarmAt(sight) - now)),
      }
    },
    unattendedFor(ms) {
      if (quietSinceMs === undefined) return []
      const sinceMs = clock.monotonic() - ms
      if (quietSinceMs > sinceMs) return []
      return [...sights].filter(([, each]) => each.isUnattended && each.sinceMs <= sinceMs).map(([kind]) => kind)
    },
    lose() {
      sights = new Map([...sights].filter(([, { isUnattended }]) => isUnattended))
      quietSinceMs = undefined
      patientUntilMs = clock.monotonic() + RECOVERY_MS
    },
  }
}
