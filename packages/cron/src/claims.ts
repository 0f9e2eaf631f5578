import { systemClock, type Clock } from '@msc/core'

/**
 * Decides who runs an occurrence. Claims make a second delivery a duplicate, choose one server among several, and keep a
 * job's runs from overlapping. With a store that several servers share, they do so across all of them.
 *
 * The caller chooses the token, so that it can release a claim whose answer was lost.
 */
export interface ClaimStore {
  /**
   * Takes `key` for `leaseMs` milliseconds under `token`, unless another token owns it. Atomic. Returns true when `token`
   * owns the key now, also when it did before, so that a call that is sent twice gets the same answer twice. Returns false
   * when another token owns it.
   */
  claim(key: string, token: string, leaseMs: number, signal: AbortSignal): Promise<boolean>
  /** Releases `key` if `token` still owns it; does nothing otherwise. */
  release(key: string, token: string, signal: AbortSignal): Promise<void>
  /** Keeps `key` claimed for another `ttlMs` milliseconds if `token` still owns it: the occurrence is done. */
  settle(key: string, token: string, ttlMs: number, signal: AbortSignal): Promise<void>
}

/** A claim store in memory, which only this process sees. */
export function memoryClaims(clock: Clock = systemClock): ClaimStore {
  const claims = new Map<string, { token: string; until: number }>()
  const owned = (key: string, token: string): { token: string; until: number } | undefined => {
    const claim = claims.get(key)
    return claim?.token === token ? claim : undefined
  }
  return {
    async claim(key, token, leaseMs) {
      const now = clock.monotonic()
      for (const [each, { until }] of claims) if (until <= now) claims.delete(each)
      if (claims.has(key) && !owned(key, token)) return false
      claims.set(key, { token, until: now + leaseMs })
      return true
    },
    async release(key, token) {
      if (owned(key, token)) claims.delete(key)
    },
    async settle(key, token, ttlMs) {
      const claim = owned(key, token)
      if (claim) claim.until = clock.monotonic() + ttlMs
    },
  }
}
