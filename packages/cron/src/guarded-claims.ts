import {
  backoff,
  createBreaker,
  deadline,
  guardSignal,
  randomHex,
  UnavailableError,
  withoutScope,
  type Breaker,
  type CancelTimer,
  type Clock,
  type Closing,
} from '@msc/core'
import type { ClaimStore } from './claims.ts'
import { createClaimDebts, type Debt } from './claim-debts.ts'

export interface GuardedClaimsOptions {
  readonly claims: ClaimStore
  readonly clock: Clock
  /** Milliseconds for each call. */
  readonly timeoutMs: number
  /** No claim is waited for any longer. */
  readonly closing: Closing
  /** Told of a claim that could not be given back. */
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
 * A claim store behind a deadline and a breaker. It gives back what it may hold without knowing, a claim that the store took
 * although its answer was lost: again and again, as the claim may come late, until it is granted that key or the lease is
 * over. A timer waits only while something is owed, and none after `closing`.
 */
export interface GuardedClaims {
  readonly breaker: Breaker
  /**
   * Claims `key`; `undefined` when another one has it.
   *
   * @throws UnavailableError `CRON_CLAIMS_UNAVAILABLE`, retryable, when the store fails or is silent, and at once while
   *   it keeps failing; the reason of `closing` once that is aborted.
   */
  claim(key: string, leaseMs: number): Promise<Claim | undefined>
  /**
   * Never rejects: what fails is reported once, and tried again after a second, then more and more rarely, and before the
   * next claim of that key, until it works or the lease is over. Others wait for it: another engine may have the next
   * occurrence, and find this one still running.
   */
  release(claim: Claim): Promise<void>
  /** Never rejects: what fails is reported, and the claim ends with its lease. */
  settle(claim: Claim, ttlMs: number): Promise<void>
  /**
   * Waits for the calls under way, and tries once more to give back what may still be held. Never rejects. For the end,
   * after which nothing is tried.
   */
  repay(): Promise<void>
}

const FIRST_REPAY_MS = 1000
const RAREST_REPAY_MS = 30_000

export function guardClaims(options: GuardedClaimsOptions): GuardedClaims {
  const { claims, clock, timeoutMs, closing, onFailure, random = Math.random } = options
  const breaker = createBreaker({ name: '[msc/cron] claims', clock })
  const debts = createClaimDebts(clock)
  /** Calls that go on although nobody may wait for them any more; each ends with its deadline. */
  const underWay = new Set<Promise<unknown>>()
  let probe: Promise<unknown> | undefined
  let cancelRepay: CancelTimer | undefined
  let isRepaying = false
  let repaid = 0

  const call = <T>(name: string, run: (signal: AbortSignal) => PromiseLike<T> | T): Promise<T> =>
    deadline(run, { operation: `[msc/cron] [claims] ${name}`, timeoutMs, clock, report: onFailure })
  /** Derived, so that it is not guarded by being made of one that is. */
  const either = (...signals: AbortSignal[]): AbortSignal =>
    guardSignal(AbortSignal.any(signals), (error) => onFailure(error, 'claim'))
  const follow = <T>(work: Promise<T>): Promise<T> => {
    const over = (): void => void underWay.delete(work)
    underWay.add(work)
    work.then(over, over)
    return work
  }
  const giveBack = (key: string, token: string): Promise<void> =>
    follow(call('release', (signal) => claims.release(key, token, signal)))

  const stopRepaying = (): void => {
    cancelRepay?.()
    cancelRepay = undefined
    repaid = 0
  }
  const settled = (token: string): void => {
    debts.settle(token)
    if (debts.size === 0) stopRepaying()
  }
  const repay = async ({ key, token, granted }: Debt): Promise<void> => {
    await giveBack(key, token)
    if (granted) settled(token)
  }
  const repayAll = async (): Promise<void> => {
    await Promise.allSettled(debts.of().map(repay))
  }
  /** It has an end: what is owed is forgotten when its lease is over. */
  const repayLater = (): void => {
    if (debts.size === 0) return stopRepaying()
    if (cancelRepay || isRepaying || closing.signal.aborted) return
    const waitMs = FIRST_REPAY_MS / 2 + backoff(repaid++, { baseMs: FIRST_REPAY_MS, maxMs: RAREST_REPAY_MS, random })
    const again = async (): Promise<void> => {
      cancelRepay = undefined
      isRepaying = true
      await repayAll()
      isRepaying = false
      repayLater()
    }
    // The engine owes it, and not the run that happened to be first.
    cancelRepay = withoutScope(() => clock.setTimeout(() => void again(), waitMs))
  }
  closing.signal.addEventListener('abort', stopRepaying, { once: true })

  /**
   * Only claims are counted, and held back: what is held must be given back, and that it was does not show that claims are
   * answered again.
   *
   * @throws UnavailableError while the breaker is open.
   */
  const admitted = async <T>(ask: () => Promise<T>): Promise<T> => {
    // Many jobs are due at the same minute: the others wait for the one that probes, as their occurrence has no later.
    if (!breaker.tryAcquire()) {
      await probe
      if (!breaker.tryAcquire()) throw new UnavailableError('[msc/cron] The claim store keeps failing.')
    }
    const asked = ask().then(
      (answer) => {
        breaker.succeed()
        return answer
      },
      (error: unknown) => {
        breaker.fail()
        throw error
      },
    )
    if (breaker.state === 'closed') return asked
    probe = asked.catch(() => undefined).finally(() => (probe = undefined))
    return asked
  }

  const take = async (claim: Claim, closed: AbortSignal): Promise<boolean> => {
    const { key, token, leaseMs } = claim
    const owed = debts.of(key)
    await Promise.all(owed.map(repay))
    let asked: Promise<boolean> | undefined
    try {
      const isOurs = await call('claim', (late) => {
        asked = Promise.resolve(claims.claim(key, token, leaseMs, either(closed, late)))
        return asked
      })
      // Refused, it may be by the very claim that came late, behind its release.
      if (isOurs === true) for (const debt of owed) settled(debt.token)
      return isOurs
    } catch (error) {
      // The store may have taken it, whatever came back, or take it later, where a call that was given up arrives after
      // this release: the token stays owed until another claim of the key is granted.
      debts.owe({ key, token, granted: false }, leaseMs + timeoutMs)
      repayLater()
      // Its failure, and the store's, is told to whoever claims.
      giveBack(key, token).catch(() => undefined)
      asked?.then(
        (late) => (late === true ? release(claim) : undefined),
        () => undefined,
      )
      throw error
    }
  }

  const release: GuardedClaims['release'] = async ({ key, token, leaseMs }) => {
    debts.owe({ key, token, granted: true }, leaseMs + timeoutMs)
    await giveBack(key, token).then(
      () => settled(token),
      (error: unknown) => {
        onFailure(error, 'release')
        repayLater()
      },
    )
  }

  return {
    breaker,
    async claim(key, leaseMs) {
      const claim: Claim = { key, token: randomHex(16), leaseMs }
      let taken: Promise<boolean> | undefined
      const ask = (closed: AbortSignal): Promise<boolean> => admitted(() => (taken = follow(take(claim, closed))))
      try {
        // Each call has its own deadline; here it is the closing that must not wait for one.
        const isOurs = await closing.during((signal) =>
          deadline(ask, { operation: '[msc/cron] claim', timeoutMs: 4 * timeoutMs, signal, clock }),
        )
        return isOurs === true ? claim : undefined
      } catch (cause) {
        // Granted after all, to somebody who no longer waits.
        taken?.then(
          (late) => (late === true ? release(claim) : undefined),
          () => undefined,
        )
        closing.signal.throwIfAborted()
        throw new UnavailableError('[msc/cron] The claim store can not say whether this occurrence may run.', {
          code: 'CRON_CLAIMS_UNAVAILABLE',
          hint: 'Nothing was run. Trigger it again when the store answers.',
          cause,
        })
      }
    },
    release,
    async repay() {
      // A claim on its way may be granted yet, and is given back then.
      while (underWay.size > 0) await Promise.allSettled(underWay)
      await repayAll()
    },
    async settle({ key, token }, ttlMs) {
      const settled = call('settle', (signal) => claims.settle(key, token, ttlMs, signal))
      await settled.catch((error: unknown) => onFailure(error, 'settle'))
    },
  }
}
