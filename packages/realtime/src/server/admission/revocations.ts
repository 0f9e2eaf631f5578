import type { Claims } from '../entrance/claims.ts'
import type { Runtime } from '../runtime.ts'
import type { Ended } from './liveness.ts'

/** Whose tokens are taken back: those of an account, or of one session. */
export type Revoked =
  | { readonly sub: string; readonly sessionId?: never }
  | { readonly sessionId: string; readonly sub?: never }

/** Which tokens are no longer taken. */
export interface Revocations {
  readonly size: number
  /** Takes back every token that was issued until now. */
  add(revoked: Revoked): void
  /** False for a token that was taken back. Whatever it says, its lifetime is noted. */
  allows(claims: Claims): boolean
}

/** Tokens may live for this long without one ever having been seen here. */
const LEAST_LIFETIME_MS = 24 * 3_600_000

/**
 * Remembers, for each name, until when its tokens are not taken. An entry goes when none of those tokens can live any more, by
 * the longest lifetime that was seen; beyond `most` the oldest goes, which is reported.
 */
export function createRevocations(most: number, { clock, report }: Runtime): Revocations {
  // By name; when it was revoked, in milliseconds since the epoch. In the order in which that was.
  const revoked = new Map<string, number>()
  let longestMs = LEAST_LIFETIME_MS
  const keyOf = ({ sub, sessionId }: Ended): string => (sub === undefined ? `session ${sessionId}` : `sub ${sub}`)

  const prune = (now: number): void => {
    for (const [key, at] of revoked) {
      if (at + longestMs > now && revoked.size <= most) return
      if (at + longestMs > now) {
        const message =
          '[msc/realtime] There are too many revocations: the oldest was forgotten before its tokens expired.'
        report(new Error(message), 'revoke')
      }
      revoked.delete(key)
    }
  }
  /** Issued at or before the time at which these were revoked; a token that does not say when counts as such. */
  const isBefore = (claims: Claims, key: string): boolean => {
    const at = revoked.get(key)
    if (at === undefined) return false
    const issued = claims['iat']
    return !(typeof issued === 'number' && Number.isFinite(issued) && issued * 1000 > at)
  }
  return {
    get size() {
      return revoked.size
    },
    add(ended) {
      const now = clock.now()
      const key = keyOf(ended)
      revoked.delete(key)
      revoked.set(key, now)
      prune(now)
    },
    allows(claims) {
      const { sub, exp, iat, session_id: session } = claims
      // A key of the application, which is nobody's and lives for years, is none that can be taken back.
      if (sub === undefined && session === undefined) return true
      const from = typeof iat === 'number' && Number.isFinite(iat) ? iat * 1000 : clock.now()
      if (Number.isFinite(exp)) longestMs = Math.max(longestMs, exp * 1000 - from)
      if (revoked.size === 0) return true
      return !(
        (sub !== undefined && isBefore(claims, `sub ${sub}`)) ||
        (typeof session === 'string' && isBefore(claims, `session ${session}`))
      )
    },
  }
}
