import { createBreaker, deadline, UnavailableError, type Breaker, type Clock } from '@msc/core'
import type { ClaimStore } from './claims.ts'

export interface GuardedClaimsOptions {
  readonly claims: ClaimStore
  readonly clock: Clock
  /** Milliseconds for each call. */
  readonly timeoutMs: number
  /** Aborted when the engine closes: no claim is waited for any longer. */
  readonly closing: AbortSignal
  /** Told of a claim that could not be given back. */
  readonly onFailure: (error: unknown, operation: string) => void
}

/** A claim store behind a deadline, which keeps what it owes: claims that could not be given back. */
export interface GuardedClaims {
  readonly breaker: Breaker
  /**
   * As `ClaimStore.claim`.
   *
   * @throws UnavailableError `CRON_CLAIMS_UNAVAILABLE`, retryable, when the store fails or is silent;
   *   the reason of `closing` once that is aborted.
   */
  claim(key: string, leaseMs: number): Promise<string | undefined>
  /** Never rejects: what fails is reported, and tried again before the next claim of that key. */
  release(key: string, token: string): Promise<void>
  /** Never rejects: what fails is reported, and the claim ends with its lease. */
  settle(key: string, token: string, ttlMs: number): Promise<void>
}

export function guardClaims(options: GuardedClaimsOptions): GuardedClaims {
  const { claims, clock, timeoutMs, closing, onFailure } = options
  const breaker = createBreaker({ name: '[msc/cron] claims', clock })
  // It counts for health and keeps nobody back: an occurrence has no later, and what is held must be given back.
  const call = async <T>(name: string, ms: number, run: (signal: AbortSignal) => PromiseLike<T> | T): Promise<T> => {
    try {
      const answer = await deadline(run, { operation: `[msc/cron] [claims] ${name}`, timeoutMs: ms, clock })
      breaker.succeed()
      return answer
    } catch (error) {
      breaker.fail()
      throw error
    }
  }
  const owed = new Map<string, { readonly token: string; readonly until: number }>()
  /** A lease ends by itself, so that nothing is owed for longer than the longest. */
  let longestLeaseMs = 0

  const giveBack = async (key: string, token: string): Promise<void> => {
    await call('release', timeoutMs, (signal) => claims.release(key, token, signal))
    owed.delete(key)
  }
  const release: GuardedClaims['release'] = async (key, token) => {
    const now = clock.monotonic()
    for (const [each, { until }] of owed) if (until <= now) owed.delete(each)
    owed.set(key, { token, until: now + longestLeaseMs })
    await giveBack(key, token).catch((error: unknown) => onFailure(error, 'release'))
  }

  return {
    breaker,
    async claim(key, leaseMs) {
      longestLeaseMs = Math.max(longestLeaseMs, leaseMs)
      let asked: Promise<string | undefined> | undefined
      const ask = async (closed: AbortSignal): Promise<string | undefined> => {
        const debt = owed.get(key)
        if (debt && debt.until > clock.monotonic()) await giveBack(key, debt.token)
        return call('claim', timeoutMs, (late) => {
          asked = Promise.resolve(claims.claim(key, leaseMs, AbortSignal.any([closed, late])))
          return asked
        })
      }
      try {
        // Each call has its own deadline; here it is the closing that must not wait for one.
        return await deadline(ask, { operation: '[msc/cron] claim', timeoutMs: 3 * timeoutMs, signal: closing, clock })
      } catch (cause) {
        // A claim that is granted after all is known to nobody else, who could give it back.
        asked?.then(
          (token) => (token === undefined ? undefined : release(key, token)),
          () => undefined,
        )
        closing.throwIfAborted()
        throw new UnavailableError('[msc/cron] The claim store can not say whether this occurrence may run.', {
          code: 'CRON_CLAIMS_UNAVAILABLE',
          hint: 'Nothing was run. Trigger it again when the store answers.',
          cause,
        })
      }
    },
    release,
    async settle(key, token, ttlMs) {
      const settled = call('settle', timeoutMs, (signal) => claims.settle(key, token, ttlMs, signal))
      await settled.catch((error: unknown) => onFailure(error, 'settle'))
    },
  }
}
