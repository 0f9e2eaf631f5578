import type { DriverBase } from '@msc/core'
import type { CacheCoordination } from './coordination.ts'
import type { PromiseOr, StoredEntry } from './stored.ts'

export type { PromiseOr, StoredEntry } from './stored.ts'

/** What no method's presence can say about a driver. */
export interface CacheCapabilities {
  /**
   * Do other processes see what this one writes? Decides whether calls need a deadline and a breaker, and whether there
   * is anybody to coordinate with.
   */
  readonly shared: boolean
  /**
   * Can a call be cancelled by its signal once it is on its way? Default true. A driver whose client can't says false,
   * and is given a signal that never aborts; the engine stops waiting all the same.
   */
  readonly cancels?: boolean
  /**
   * For a backend that is this process's own memory: what the engine may hold in its place, decoded, so that a hit needs
   * no decoding. The engine then asks the driver for counters alone.
   */
  readonly bounds?: Bounds
}

/** How much may be held in memory; what was used longest ago goes first. */
export interface Bounds {
  readonly maxEntries: number
  readonly maxBytes: number
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
 * milliseconds. Every method throws nothing but a `DriverError` (or the signal's reason), and none retries. Methods
 * don't depend on `this`.
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
   * its own, and none can be left without: where the time is refused, nothing is counted.
   */
  increment(key: string, by: number, ttlMs: number, signal: AbortSignal): PromiseOr<Counter>

  /**
   * Keys that match `pattern` as `glob.ts` defines it, a page at a time. Weakly consistent: a key present from the
   * first call to the last appears at least once; it may appear twice.
   */
  scan(pattern: string, cursor: string | undefined, signal: AbortSignal): PromiseOr<ScanPage>

  /** Optional: as many `get`s in one round trip, in the order of `keys`. Without it the engine calls `get`. */
  getMany?(keys: readonly string[], signal: AbortSignal): PromiseOr<readonly (string | undefined)[]>

  /** Optional: as many `set`s in one round trip. Each goes atomically, the list does not. Without it: `set`. */
  setMany?(entries: readonly StoredEntry[], signal: AbortSignal): PromiseOr<void>

  /**
   * Optional: what several processes on one store decide together. With it the engine has one load at a time among all
   * of them, a local tier that hears of invalidations, and shared rate limits; without it those work within one process.
   */
  readonly coordination?: CacheCoordination
}
