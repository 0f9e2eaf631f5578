/**
 * What every driver of every concern has.
 *
 * A driver stores, sends or runs. It never retries, times out, logs, serialises or chooses a fallback: the engine
 * does, once, for all drivers. Constructing one does no I/O; it connects on first use.
 */
export interface DriverBase {
  /** The version of the contract this driver was written for. Additions keep it; a breaking change raises it. */
  readonly specificationVersion: 1
  /** Short, lower case: `memory`, `upstash`. Appears in errors, health and telemetry. */
  readonly name: string
  /** A real round trip to the backend; resolves when it answered, rejects with a `DriverError` when not. */
  health(signal: AbortSignal): Promise<void>
  /** Hands over whatever is buffered. Resolves when the backend has it. */
  flush?(signal: AbortSignal): Promise<void>
  /** Releases every socket, timer and file. Idempotent; later calls of other methods reject. */
  close(): Promise<void>
}

/** What an engine offers to whoever composes several of them. */
export interface Service {
  readonly concern: string
  readonly driverName: string
  health(options?: { readonly timeoutMs?: number }): Promise<import('./status.ts').Health>
  flush(options?: { readonly timeoutMs?: number }): Promise<void>
  close(): Promise<void>
}
