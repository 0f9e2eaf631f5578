import type { Claims } from '../entrance/claims.ts'
import type { Runtime } from '../runtime.ts'
import { AHEAD_MS, createIssuerClock } from './issuer-clock.ts'
import type { Ended } from './liveness.ts'

/** Whose tokens are taken back: those of an account, or of one session. */
export type Revoked =
  | { readonly sub: string; readonly sessionId?: never }
  | { readonly sessionId: string; readonly sub?: never }

/** Which tokens are no longer taken. */
export interface Revocations {
  readonly size: number
  /** Of other servers, to be told: whose, and when in milliseconds since the epoch. */
  all(): Iterable<readonly [revoked: Revoked, at: number]>
  /**
   * Takes back every token that was issued until then: by default until `issuedUntil`, and at the latest in five minutes. False
   * where those were taken back already.
   */
  add(revoked: Revoked, at?: number): boolean
  /** False for a token that was taken back. Whatever it says, its lifetime is noted, and when it was issued. */
  allows(claims: Claims): boolean
  /** Now, by the clock of whoever issues tokens, where these have shown that it is ahead: in milliseconds since the epoch. */
  issuedUntil(): number
  /** Another server has seen that tokens are issued until then. */
  hearIssued(at: number): void
  /** Told when a token has shown that the clock is further ahead than was known. Where there are other servers. */
  onIssued?: (until: number) => void
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
  const issuer = createIssuerClock(clock)
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
  /** Milliseconds since the epoch; `undefined` where a token does not say it, or says what is still to come. */
  const issuedAt = ({ iat }: Claims): number | undefined => {
    if (typeof iat !== 'number' || !Number.isFinite(iat)) return undefined
    return iat * 1000 > clock.now() + AHEAD_MS ? undefined : iat * 1000
  }
  /** Issued at or before the time at which these were revoked; a token that does not say when counts as such. */
  const isBefore = (claims: Claims, key: string): boolean => {
    const at = revoked.get(key)
    return at !== undefined && (issuedAt(claims) ?? at) <= at
  }
  const self: Revocations = {
    get size() {
      return revoked.size
    },
    *all() {
      for (const [key, at] of revoked) {
        const name = key.slice(key.indexOf(' ') + 1)
        yield [key.startsWith('sub ') ? { sub: name } : { sessionId: name }, at]
      }
    },
    add(ended, at) {
      const now = clock.now()
      const key = keyOf(ended)
      // Another server's word is of its own clock, by which its users' new tokens are later than that. It may come late, and must
      // not take back what was said since.
      const before = revoked.get(key) ?? -Infinity
      const until = Math.min(at ?? issuer.now(), now + AHEAD_MS)
      // What is heard again stays where it is: two servers that tell each other all of them would tell it again and again.
      if (until < before || (until === before && at !== undefined)) return false
      revoked.delete(key)
      revoked.set(key, until)
      prune(now)
      return true
    },
    allows(claims) {
      const { sub, exp, session_id: session } = claims
      // A key of the application, which is nobody's and lives for years, is none that can be taken back.
      if (sub === undefined && session === undefined) return true
      const at = issuedAt(claims)
      if (Number.isFinite(exp)) longestMs = Math.max(longestMs, exp * 1000 - (at ?? clock.now()))
      if (at !== undefined && issuer.see(at)) self.onIssued?.(at)
      if (revoked.size === 0) return true
      return !(
        (sub !== undefined && isBefore(claims, `sub ${sub}`)) ||
        (typeof session === 'string' && isBefore(claims, `session ${session}`))
      )
    },
    issuedUntil: issuer.now,
    hearIssued: (at) => void issuer.see(at),
  }
  return self
}
