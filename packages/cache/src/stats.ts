/** Counted since the cache was made. */
export interface CacheStats {
  readonly hits: number
  readonly misses: number
  /** Store operations that failed; the caller was served without the store. */
  readonly errors: number
  readonly loads: number
  /** hits / (hits + misses), 0 before the first read. */
  readonly hitRate: number
}

export interface MutableStats {
  hits: number
  misses: number
  errors: number
  loads: number
}

export function createStats(): MutableStats {
  return { hits: 0, misses: 0, errors: 0, loads: 0 }
}

export function snapshot(stats: MutableStats): CacheStats {
  const reads = stats.hits + stats.misses
  return { ...stats, hitRate: reads === 0 ? 0 : stats.hits / reads }
}
