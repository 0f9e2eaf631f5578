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

/** Something said it is time. */
export interface Tick {
  readonly name: string
  /** Milliseconds since the epoch: the occurrence meant, or the time of the call where the caller does not say. */
  readonly at: number
}

export interface CronCapabilities {
  /** Does the driver call us by itself once started (true), or does somebody else call our route (false)? */
  readonly selfDriven: boolean
}

/**
 * What decides that it is time. The engine decides everything else: which occurrence a tick means, whether it ran
 * already, the deadline, the record.
 */
export interface CronDriver extends DriverBase {
  readonly capabilities: CronCapabilities
  /**
   * Begins to call `onTick`, which never rejects. A driver that is called from outside only remembers it. What it throws
   * or rejects with is reported, and it may be called again.
   */
  start(entries: readonly ScheduledEntry[], onTick: (tick: Tick) => Promise<void>): void | Promise<void>
  /**
   * May this request trigger a run? Compared in constant time; closed when there is no secret to compare with.
   * The answer never says which part was wrong.
   */
  authorize(request: Request): Promise<boolean>
}
