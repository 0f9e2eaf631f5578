import type { Clock } from '@msc/core'
import { LRUCache } from 'lru-cache'

/** Loads that failed a moment ago, in this process. */
export interface Failures {
  /** Has a load of the key just failed? Then who has a stale value keeps to it. */
  recent(key: string): boolean
  /** The error to throw again, while it is to be. */
  errorOf(key: string): { readonly error: unknown } | undefined
  add(key: string, error: unknown, negativeMs: number, tags: readonly string[]): void
  /** What was invalidated may load again at once. */
  forget(matches: (key: string, tags: readonly string[]) => boolean): void
}

interface Failure {
  readonly error: unknown
  readonly thrownUntil: number
  readonly recentUntil: number
  readonly tags: readonly string[]
}

/** A source that fails is asked once in so many milliseconds where stale values can be served meanwhile. */
const RECENT_MS = 1000

export function createFailures(clock: Clock): Failures {
  const failures = new LRUCache<string, Failure>({ max: 1000 })
  return {
    recent(key) {
      return failures.size > 0 && (failures.get(key)?.recentUntil ?? 0) > clock.monotonic()
    },
    errorOf(key) {
      if (failures.size === 0) return undefined
      const failure = failures.get(key)
      return failure && failure.thrownUntil > clock.monotonic() ? failure : undefined
    },
    add(key, error, negativeMs, tags) {
      const now = clock.monotonic()
      const recentUntil = now + Math.max(negativeMs, RECENT_MS)
      failures.set(key, { error, thrownUntil: now + negativeMs, recentUntil, tags })
    },
    forget(matches) {
      for (const [key, { tags }] of Array.from(failures.entries())) if (matches(key, tags)) failures.delete(key)
    },
  }
}
