import type { Health } from '../service/status.ts'

/**
 * What every driver of every concern has.
 *
 * A driver stores, sends or runs. It never retries, times out, logs, serialises or chooses a fallback: the engine
 * does, once, for all drivers. Constructing one does no I/O; it connects on first use. A method that the backend can't
 * offer is left out: the presence of a method is the capability, and the engine has a slower path without it.
 */
export interface DriverBase {
  /**
   * The version of the contract this driver was written for, read by {@link assertDriver} when an engine is made.
   * Additions keep it; a breaking change raises it.
   */
  readonly specificationVersion: 1
  /** Short, lower case: `memory`, `upstash`. Appears in errors, health and telemetry. */
  readonly name: string
  /** Where the backend is, without credentials: `redis://10.0.0.5:6379`. Shown when it does not answer. */
  readonly endpoint?: string
  /** The environment variables that choose and configure it. Shown when it does not answer. */
  readonly variables?: readonly string[]
  /**
   * A round trip the way the data goes, with the credentials: resolves when the backend can do its work, rejects with a
   * `DriverError` that says what is wrong (`code`) and what to do (`hint`) when not.
   */
  health(signal: AbortSignal): Promise<void>
  /** Releases every socket, timer and file. Idempotent; calls under way and later ones reject. */
  close(): Promise<void>
}

/** What an engine offers to whoever composes several of them. */
export interface Service {
  readonly concern: string
  readonly driverName: string
  /** Never rejects. `timeoutMs` (default 2 000) bounds the round trip. */
  health(options?: BudgetOptions): Promise<Health>
  /** Hands over what is buffered. Resolves when that is done or `timeoutMs` (default 5 000) is over; never rejects. */
  flush(options?: BudgetOptions): Promise<void>
  /**
   * Finishes what is under way within `timeoutMs` (default 5 000), then releases everything. The first call decides;
   * later ones resolve with it. Never rejects: what fails is reported.
   */
  close(options?: BudgetOptions): Promise<void>
}

export interface BudgetOptions {
  /** Milliseconds, at least 0. Anything else counts as not given: these calls are made where nothing may throw. */
  readonly timeoutMs?: number
}
