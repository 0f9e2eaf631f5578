import type { DriverBase } from '@msc/core'

/** A backend in this process may answer at once; the engine then skips the promise and the deadline. */
export type PromiseOr<T> = T | Promise<T>

export interface CacheCapabilities {
  /** Do other processes see what this one writes? */
  readonly shared: boolean
}

export interface Counter {
  readonly value: number
  /** Milliseconds until the counter expires, > 0. */
  readonly ttlMs: number
}

export interface ScanPage {
  readonly keys: readonly string[]
  /** Pass it to the next call; absent on the last page. */
  readonly cursor?: string
}

/**
 * One backend of `@msc/cache`. Keys are arbitrary non-empty strings, values arbitrary strings, times relative
 * milliseconds. Every method throws nothing but a `DriverError` (or the signal's reason), and none retries.
 */
export interface CacheDriver extends DriverBase {
  readonly capabilities: CacheCapabilities

  /** The value, or `undefined` when there is none or it has expired. */
  get(key: string, signal: AbortSignal): PromiseOr<string | undefined>

  /** Replaces value and expiry together: no reader sees the new value with the old expiry. */
  set(key: string, value: string, ttlMs: number, signal: AbortSignal): PromiseOr<void>

  /** How many of the keys existed. Each key goes atomically, the list does not. */
  delete(keys: readonly string[], signal: AbortSignal): PromiseOr<number>

  /**
   * Adds `by`, starting from 0. Atomic with its expiry: a counter that is created gets `ttlMs`, one that exists keeps
   * its own, and none can be left without.
   */
  increment(key: string, by: number, ttlMs: number, signal: AbortSignal): PromiseOr<Counter>

  /**
   * Keys that match `pattern` as `glob.ts` defines it, a page at a time. Weakly consistent: a key present from the
   * first call to the last appears at least once; it may appear twice.
   */
  scan(pattern: string, cursor: string | undefined, signal: AbortSignal): PromiseOr<ScanPage>

  /** Optional: as many `get`s in one round trip, in the order of `keys`. Without it the engine calls `get`. */
  getMany?(keys: readonly string[], signal: AbortSignal): PromiseOr<readonly (string | undefined)[]>
}
