import { systemClock, type Clock } from '@msc/core'

/**
 * Who runs an occurrence. One claim gives de-duplication of a doubled delivery, one server among several, and the guard
 * against overlap; a store shared by several servers makes it hold for all of them.
 *
 * The claimant chooses the token, so that a claim whose answer is lost can be released all the same.
 */
export interface ClaimStore {
  /**
   * Takes `key` for `leaseMs` under `token`, unless another token has it. Atomic. True when `token` owns it now, also when
   * it did before: a call that is sent twice is answered alike. False when another one owns it.
   */
  claim(key: string, token: string, leaseMs: number, signal: AbortSignal): Promise<boolean>
  /** Gives it back, if `token` still owns it; does nothing otherwise. */
  release(key: string, token: string, signal: AbortSignal): Promise<void>
  /** Keeps it taken for `ttlMs` more, if `token` still owns it: the occurrence is done. */
  settle(key: string, token: string, ttlMs: number, signal: AbortSignal): Promise<void>
}

/** Claims of this process alone. */
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
