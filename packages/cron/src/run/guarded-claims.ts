import {
  anySignal,
  createBreaker,
  deadline,
  guardSignal,
  randomHex,
  UnavailableError,
  type Breaker,
  type Clock,
  type Closing,
} from '@msc/core'
import { createAdmission } from './claim-admission.ts'
import type { ClaimStore } from '../claims.ts'
import { createPendingReleases } from './pending-releases.ts'
import { createReleaseRetry } from './release-retry.ts'

export interface GuardedClaimsOptions {
  readonly claims: ClaimStore
  readonly clock: Clock
  /** Milliseconds for each call. */
  readonly timeoutMs: number
  /** When it ends, callers stop waiting for their claims. */
  readonly closing: Closing
  /** Called once for each claim that could not be released or settled. */
  readonly onFailure: (error: unknown, operation: string) => void
  readonly random?: () => number
}

/** A key, and the token that owns it for `leaseMs`. */
export interface Claim {
  readonly key: string
  readonly token: string
  readonly leaseMs: number
}

/**
 * A claim store behind a deadline and a breaker. When the answer to a claim is lost, the store may have granted it all the
 * same, even later: the token is released again and again, until this engine is granted the key or the lease is over. A
 * timer runs only while a release is pending, and none after `closing`.
 */
export interface GuardedClaims {
  readonly breaker: Breaker
  /**
   * Claims `key`; `undefined` when another token owns it.
   *
   * @throws UnavailableError `CRON_CLAIMS_UNAVAILABLE`, retryable, when the store fails or does not answer, and without a
   *   call while the breaker is open; the reason of `closing` once that is aborted.
   */
  claim(key: string, leaseMs: number): Promise<Claim | undefined>
  /**
   * Never rejects. A failure is reported once; the release is retried after about a second, then less and less often, and
   * before the next claim of the key, until it succeeds or the lease is over. Without retries, another engine that gets
   * the next occurrence would skip it as an overlap.
   */
  release(claim: Claim): Promise<void>
  /** Never rejects: a failure is reported, and the claim ends with its lease. */
  settle(claim: Claim, ttlMs: number): Promise<void>
  /**
   * Waits for the calls under way and then tries each pending release once more. Never rejects. Call it last: nothing is
   * retried afterwards.
   */
  drain(): Promise<void>
}

export function guardClaims(options: GuardedClaimsOptions): GuardedClaims {
  const { claims, clock, timeoutMs, closing, onFailure, random = Math.random } = options
  const breaker = createBreaker({ name: '[msc/cron] claims', clock })
  const admit = createAdmission(breaker)
  const pending = createPendingReleases(clock)
  /** Calls whose callers may have stopped waiting; each ends with its deadline. */
  const underWay = new Set<Promise<unknown>>()

  const call = <T>(name: string, run: (signal: AbortSignal) => PromiseLike<T> | T): Promise<T> =>
    deadline(run, { operation: `[msc/cron] [claims] ${name}`, timeoutMs, clock, report: onFailure })
  /** A new signal, which does not inherit the guards of its sources. */
  const either = (...signals: AbortSignal[]): AbortSignal =>
    guardSignal(anySignal(...signals), (error) => onFailure(error, 'claim'))
  const track = <T>(work: Promise<T>): Promise<T> => {
    const over = (): void => void underWay.delete(work)
    underWay.add(work)
    work.then(over, over)
    return work
  }
  const sendRelease = (key: string, token: string): Promise<void> =>
    track(call('release', (signal) => claims.release(key, token, signal)))
  const retry = createReleaseRetry({ pending, release: sendRelease, clock, closed: closing.signal, random })

  const release: GuardedClaims['release'] = async ({ key, token, leaseMs }) => {
    pending.add({ key, token, granted: true }, leaseMs + timeoutMs)
    await sendRelease(key, token).then(
      () => retry.done(token),
      (error: unknown) => {
        onFailure(error, 'release')
        retry.schedule()
      },
    )
  }
  /** Releases a claim that is granted after its caller stopped waiting. */
  const releaseWhenGranted = (claim: Claim, answer: Promise<boolean> | undefined): void =>
    void answer?.then(
      (isOurs) => (isOurs === true ? release(claim) : undefined),
      () => undefined,
    )

  const take = async (claim: Claim, closed: AbortSignal): Promise<boolean> => {
    const { key, token, leaseMs } = claim
    const earlier = pending.of(key)
    await Promise.all(earlier.map(retry.attempt))
    let asked: Promise<boolean> | undefined
    try {
      const isOurs = await call('claim', (late) => {
        asked = Promise.resolve(claims.claim(key, token, leaseMs, either(closed, late)))
        return asked
      })
      // A grant shows that none of the earlier tokens owns the key. A refusal does not: the owner may be the claim of an
      // earlier token that arrived after its release.
      if (isOurs === true) for (const each of earlier) retry.done(each.token)
      return isOurs
    } catch (error) {
      // The store may have granted the claim whatever came back, or may grant it after the release below, when the
      // abandoned call arrives late: the token stays pending until another claim of the key is granted.
      pending.add({ key, token, granted: false }, leaseMs + timeoutMs)
      retry.schedule()
      // The caller gets the claim's own error; this release is retried in any case.
      sendRelease(key, token).catch(() => undefined)
      releaseWhenGranted(claim, asked)
      throw error
    }
  }

  return {
    breaker,
    async claim(key, leaseMs) {
      const claim: Claim = { key, token: randomHex(16), leaseMs }
      let taken: Promise<boolean> | undefined
      const ask = (closed: AbortSignal): Promise<boolean> => admit(() => (taken = track(take(claim, closed))))
      try {
        // Each call to the store has its own deadline; this one lets `close` end the wait.
        const isOurs = await closing.during((signal) =>
          deadline(ask, { operation: '[msc/cron] claim', timeoutMs: 4 * timeoutMs, signal, clock }),
        )
        return isOurs === true ? claim : undefined
      } catch (cause) {
        releaseWhenGranted(claim, taken)
        closing.signal.throwIfAborted()
        throw new UnavailableError('[msc/cron] The claim store could not say whether this occurrence may run.', {
          code: 'CRON_CLAIMS_UNAVAILABLE',
          hint: 'Nothing was run. Trigger it again when the store answers.',
          cause,
        })
      }
    },
    release,
    async drain() {
      // A claim under way may still be granted, and is released then.
      while (underWay.size > 0) await Promise.allSettled(underWay)
      await retry.attemptAll()
    },
    async settle({ key, token }, ttlMs) {
      const settled = call('settle', (signal) => claims.settle(key, token, ttlMs, signal))
      await settled.catch((error: unknown) => onFailure(error, 'settle'))
    },
  }
}
