import { systemClock, type Clock } from '@msc/core'

/**
 * Who runs an occurrence. One claim gives de-duplication of a doubled delivery, one server among several, and the guard
 * against overlap; a store shared by several servers makes it hold for all of them.
 */
export interface ClaimStore {
  /**
   * Takes `key` for `leaseMs` unless it is taken. Atomic. The token proves ownership; `undefined` when someone else has it.
   */
  claim(key: string, leaseMs: number, signal: AbortSignal): Promise<string | undefined>
  /** Gives it back, if `token` still owns it. */
  release(key: string, token: string, signal: AbortSignal): Promise<void>
  /** Keeps it taken for `ttlMs` more, if `token` still owns it: the occurrence is done. */
  settle(key: string, token: string, ttlMs: number, signal: AbortSignal): Promise<void>
}

/** Claims of this process alone. */
export function memoryClaims(clock: Clock = systemClock): ClaimStore {
  const claims = new Map<string, { token: string; until: number }>()
  let next = 0
  const owned = (key: string, token: string): { token: string; until: number } | undefined => {
    const claim = claims.get(key)
    return claim?.token === token ? claim : undefined
  }
  return {
    async claim(key, leaseMs) {
      const now = clock.monotonic()
      for (const [each, { until }] of claims) if (until <= now) claims.delete(each)
      if (claims.has(key)) return undefined
      const token = String(++next)
      claims.set(key, { token, until: now + leaseMs })
      return token
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
