import { randomHex, sleep, type CancelTimer, type Clock } from '@msc/core'
import type { LeaseClaim } from './coordination.ts'
import type { GuardedCoordination } from './guarded-coordination.ts'
import type { Keyspace } from './keyspace.ts'

/** The right to load a key, among all processes. */
export interface Lease {
  /** Writes what was loaded; false when an invalidation, or time, took the lease away. */
  commit(stored: string, ttlMs: number): Promise<boolean>
  /** Gives it back; `failed` has those who wait load for themselves at once, rather than one after the other. */
  release(failed: boolean): Promise<void>
}

type Attempt =
  | { readonly kind: 'mine'; readonly lease: Lease; readonly stored: string | undefined }
  /** Somebody loads it, and this is what is stored meanwhile. */
  | { readonly kind: 'wait'; readonly stored: string | undefined }
  /** Another process's load has just failed: callers may load for themselves but must not write the result. */
  | { readonly kind: 'free' }

export interface LeaseOptions {
  readonly coordination: GuardedCoordination
  readonly keys: Keyspace
  readonly clock: Clock
  readonly random: () => number
  /** Milliseconds after which a silent holder has lost it. */
  readonly leaseMs: number
}

const FAILED_MS = 300

export interface Leases {
  /** @throws when the store is away. */
  attempt(key: string): Promise<Attempt>
  /** Waits a little longer each time, so that a short load is noticed soon and a long one costs few questions. */
  pause(attempt: number): Promise<void>
  /** Lets go of every lease; what is being loaded then is not kept. */
  close(): void
}

export function createLeases({ coordination, keys, clock, random, leaseMs }: LeaseOptions): Leases {
  const renewals = new Set<() => void>()
  let closed = false

  return {
    async attempt(key) {
      const claim = { key: keys.value(key), lease: keys.lock(key), token: randomHex(16) }
      const { state, value } = await coordination.acquire(claim, leaseMs)
      if (state === 'taken') return { kind: 'wait', stored: value }
      if (state === 'failed') return { kind: 'free' }
      return { kind: 'mine', stored: value, lease: hold(claim) }
    },
    pause: (attempt) => sleep(Math.min(10 * 1.6 ** attempt, 100) * (0.75 + random() / 2), { clock }),
    close() {
      closed = true
      for (const stop of renewals) stop()
    },
  }

  function hold(claim: LeaseClaim): Lease {
    let renewal: CancelTimer | undefined
    const stop = (): void => {
      renewal?.()
      renewals.delete(stop)
    }
    const renew = (): void => {
      renewal = clock.setTimeout(() => {
        coordination.renew(claim, leaseMs).then(
          // Not kept: an invalidation ended the lease, or another process has it by now.
          (kept) => kept && renewals.has(stop) && renew(),
          () => renewals.has(stop) && renew(),
        )
      }, leaseMs / 3)
    }
    if (!closed) {
      renewals.add(stop)
      renew()
    }
    return {
      commit(stored, ttlMs) {
        stop()
        return coordination.commit(claim, stored, ttlMs)
      },
      async release(failed) {
        stop()
        await coordination.release(claim, failed ? FAILED_MS : 0)
      },
    }
  }
}
