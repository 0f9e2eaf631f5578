import type { DriverBase } from '@msc/core'

/** A definition as a driver sees it. */
export interface ScheduledEntry {
  readonly name: string
  /** Five fields, numeric. */
  readonly schedule: string
  /** IANA name. */
  readonly timezone: string
  /** Path of the HTTP route, for drivers that call one. */
  readonly path: string
  /** The first occurrence after `afterMs` (milliseconds since the epoch), or `undefined` when there is none. */
  next(afterMs: number): number | undefined
}

/** A signal from a driver that a job is due. */
export interface Tick {
  readonly name: string
  /** Milliseconds since the epoch: the occurrence that is due, or the time of the call if the caller does not name one. */
  readonly at: number
}

export interface CronCapabilities {
  /** True when the driver calls `onTick` by itself once started; false when somebody else calls our route. */
  readonly selfDriven: boolean
}

/**
 * Decides when a job is due. The engine decides everything else: which occurrence a tick is for, whether that has already
 * run, its deadline and its record.
 */
export interface CronDriver extends DriverBase {
  readonly capabilities: CronCapabilities
  /**
   * Begins to call `onTick`, which never rejects. A driver that is called from outside only remembers `onTick`. The engine
   * reports an error or a rejection of `start`, and may call it again.
   */
  start(entries: readonly ScheduledEntry[], onTick: (tick: Tick) => Promise<void>): void | Promise<void>
  /**
   * Says whether this request may trigger a run. Compare secrets in constant time, and return false when no secret is
   * configured. The answer must not reveal which part was wrong.
   */
  authorize(request: Request): Promise<boolean>
}
