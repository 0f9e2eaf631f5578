/** Counted since the cache was made. */
export interface CacheStats {
  /** Reads that a fresh value answered. */
  readonly hits: number
  /** Reads that a stale value answered. */
  readonly stale: number
  readonly misses: number
  /** Callers who shared somebody else's load. */
  readonly coalesced: number
  /** Store operations that failed; the caller was served without the store. */
  readonly errors: number
  /** Loader calls. */
  readonly loads: number
  readonly loadErrors: number
  /** Loader calls that did not have to be made: hits, stale and coalesced. */
  readonly savedLoads: number
  /** Milliseconds that a load took, on average. */
  readonly loadMs: number
  /** (hits + stale) / (hits + stale + misses), 0 before the first read. */
  readonly hitRate: number
}

export interface MutableStats {
  hits: number
  stale: number
  misses: number
  errors: number
  loads: number
  loadErrors: number
  loadMsTotal: number
}

export function createStats(): MutableStats {
  return { hits: 0, stale: 0, misses: 0, errors: 0, loads: 0, loadErrors: 0, loadMsTotal: 0 }
}

export function snapshot(stats: MutableStats, coalesced: number): CacheStats {
  const { hits, stale, misses, errors, loads, loadErrors, loadMsTotal } = stats
  const served = hits + stale
  return {
    hits,
    stale,
    misses,
    coalesced,
    errors,
    loads,
    loadErrors,
    savedLoads: served + coalesced,
    loadMs: loads === 0 ? 0 : loadMsTotal / loads,
    hitRate: served + misses === 0 ? 0 : served / (served + misses),
  }
}
