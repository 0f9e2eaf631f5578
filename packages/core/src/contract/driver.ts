import type { Health } from '../service/status.ts'

/**
 * The members that the drivers of all concerns share.
 *
 * A driver stores, sends or runs. It never retries, times out, logs, serialises or chooses a fallback: the engine
 * does that once for all drivers. Constructing a driver does no I/O; it connects on first use. A method that the backend
 * can't support is left out: the presence of a method is the capability, and the engine has a slower path without it.
 */
export interface DriverBase {
  /**
   * The version of the contract that this driver was written for. `assertDriver` checks it when an engine is made.
   * Additions to the contract keep it; a breaking change raises it.
   */
  readonly specificationVersion: 1
  /** A short lower-case name, such as `memory` or `upstash`. Appears in errors, health and telemetry. */
  readonly name: string
  /** The backend's address without credentials, such as `redis://10.0.0.5:6379`. Shown when it does not answer. */
  readonly endpoint?: string
  /** The environment variables that choose and configure it. Shown when it does not answer. */
  readonly variables?: readonly string[]
  /**
   * Makes a round trip on the path that the data takes, with the credentials. Resolves when the backend can do its work;
   * otherwise rejects with a `DriverError` that says what is wrong (`code`) and what to do (`hint`). The code
   * `DRIVER_DEGRADED` is of a backend that does its work and says that something is not as it should be.
   */
  health(signal: AbortSignal): Promise<void>
  /** Releases every socket, timer and file. Idempotent. Pending and later calls of other methods reject. */
  close(): Promise<void>
}

/** The lifecycle that every engine has in common, so that several can be composed. */
export interface Service {
  readonly concern: string
  readonly driverName: string
  /** Makes a round trip, bounded by `timeoutMs` (default 2 000), and returns the verdict. Never rejects. */
  health(options?: BudgetOptions): Promise<Health>
  /** Delivers what is buffered. Resolves when that is done or after `timeoutMs` (default 5 000). Never rejects. */
  flush(options?: BudgetOptions): Promise<void>
  /**
   * Finishes pending work within `timeoutMs` (default 5 000; 15 000 for jobs, whose steps may finish), then releases
   * everything. The first call sets the budget; later calls resolve with it. Never rejects: failures are reported.
   */
  close(options?: BudgetOptions): Promise<void>
}

export interface BudgetOptions {
  /** Milliseconds, at least 0. Any other value is ignored, because these calls are made where nothing may throw. */
  readonly timeoutMs?: number
}
