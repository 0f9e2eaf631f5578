import { duration, type Duration, type StandardSchema } from '@msc/core'
import type { Windows } from './entry.ts'
import { assertTag, refuse } from './refuse.ts'

/** What the loader is given. */
export interface LoadContext {
  /** Aborts at `hardTimeout`. */
  readonly signal: AbortSignal
}

export type Loader<T> = (context: LoadContext) => T | Promise<T>

/** What a value that is written carries. */
export interface SetOptions {
  /** Seconds, or a string such as `'5m'`. Default 300 seconds; 0 keeps nothing. */
  readonly ttl?: Duration
  /** `invalidateTag` drops every entry that carries the tag. */
  readonly tags?: readonly string[]
}

export interface FillOptions<T = unknown> {
  /** How long a value is fresh: seconds, or a string such as `'5m'`. Default 300 seconds; 0 keeps nothing. */
  readonly ttl?: Duration
  /**
   * For so long after that a stale value is served at once, while one caller refreshes it behind the scenes. Default 0.
   * The refresh is nobody's: it has the trace of that caller, and neither their user nor their scope.
   */
  readonly swr?: Duration
  /** For so long after its time a stale value is served where the loader fails or is too slow. Default 0. */
  readonly grace?: Duration
  /**
   * Milliseconds to wait for the loader where there is a stale value to serve instead; the load goes on. With this,
   * `hardTimeout` or `signal` the loader runs in a fork of the caller's scope, since it may outlive the caller: what it
   * sets there (user, tags, breadcrumbs) stays its own.
   */
  readonly softTimeout?: number
  /** Milliseconds after which a load is given up: a stale value within its grace, else `DeadlineError`. */
  readonly hardTimeout?: number
  /** Refreshes a value before its end, the likelier the nearer and the slower its load. 1 is sound; default 0, never. */
  readonly earlyRefresh?: number
  /** For so long the loader's error is thrown again without another load, in this process, or until the key or a tag is invalidated. Default 0. */
  readonly negativeTtl?: Duration
  /** `invalidateTag` drops every entry that carries the tag. At most 30 days old. */
  readonly tags?: readonly string[]
  /** A cached value that does not fit is a miss. */
  readonly schema?: StandardSchema<unknown, T>
  /** One load at a time among all processes. Default true where the store can. */
  readonly lock?: boolean
  /**
   * False leaves the read out of `stats` and of telemetry: for bookkeeping with each request, which would bury the hit rate of what
   * an application caches. Default true.
   */
  readonly counted?: boolean
  /** Ends this caller's wait; the load goes on for the others. */
  readonly signal?: AbortSignal
  /**
   * Given what goes on after the answer, for a platform that freezes a process between requests. What it throws or
   * rejects with is reported as `waitUntil`; the answer stays the same.
   */
  readonly waitUntil?: (work: Promise<unknown>) => void
}

/** {@link FillOptions} in milliseconds, complete. */
export interface Plan extends Windows {
  readonly ttlMs: number
  readonly softMs: number | undefined
  readonly hardMs: number | undefined
  readonly negativeMs: number
  readonly tags: readonly string[]
  readonly schema: StandardSchema<unknown, unknown> | undefined
  readonly lock: boolean
  readonly counted: boolean
  readonly signal: AbortSignal | undefined
  readonly waitUntil: ((work: Promise<unknown>) => void) | undefined
  /** May a fresh value be served as it is, without a look at anything else? */
  readonly plain: boolean
}

const NO_TAGS: readonly string[] = []
/** An entry with tags is not kept longer: its tags' stamps are kept as long and a day. */
export const MAX_TAGGED_MS: number = 30 * 86_400_000

/** No store keeps anything longer: 100 million days, as far as a `Date` goes. */
export const MAX_MS = 8.64e15

/**
 * A time to live in milliseconds.
 *
 * @throws ConfigError for what is no duration, ValidationError for one that no store can count.
 */
export function timeOf(option: string, value: Duration): number {
  const ms = duration(value)
  if (ms > MAX_MS) refuse(`${option} must be a time that a store can count`, 'CACHE_OPTION_INVALID')
  return ms
}

let lastTtl: Duration | undefined
let lastPlan: Plan | undefined

/** @throws ConfigError or ValidationError for a time or a tag that is none. */
export function planOf<T>(options: Duration | FillOptions<T> | undefined): Plan {
  if (typeof options === 'object') return complete(options as FillOptions)
  // Almost every caller has one time to live, again and again.
  if (lastPlan && options === lastTtl) return lastPlan
  lastPlan = complete(options === undefined ? {} : { ttl: options })
  lastTtl = options
  return lastPlan
}

function complete(options: FillOptions): Plan {
  const {
    ttl = 300,
    swr = 0,
    grace = 0,
    tags = NO_TAGS,
    negativeTtl = 0,
    earlyRefresh = 0,
    softTimeout,
    hardTimeout,
  } = options
  tags.forEach(assertTag)
  for (const [name, ms] of [
    ['softTimeout', softTimeout],
    ['hardTimeout', hardTimeout],
    ['earlyRefresh', earlyRefresh],
  ] as const) {
    if (ms !== undefined && !(ms >= 0 && ms < Infinity)) refuse(`${name} must be a number >= 0`, 'CACHE_OPTION_INVALID')
  }
  const limit = tags.length > 0 ? MAX_TAGGED_MS : Infinity
  return {
    ttlMs: Math.min(timeOf('ttl', ttl), limit),
    swrMs: Math.min(timeOf('swr', swr), limit),
    graceMs: Math.min(timeOf('grace', grace), limit),
    softMs: softTimeout,
    hardMs: hardTimeout,
    earlyRefresh,
    negativeMs: timeOf('negativeTtl', negativeTtl),
    tags,
    schema: options.schema,
    lock: options.lock ?? true,
    counted: options.counted ?? true,
    signal: options.signal,
    waitUntil: options.waitUntil,
    plain: options.schema === undefined && earlyRefresh === 0 && options.counted !== false,
  }
}

/** Milliseconds that the store keeps a value: fresh, then stale. */
export function keptMs({ ttlMs, swrMs, graceMs }: Plan): number {
  return ttlMs + Math.max(swrMs, graceMs)
}
