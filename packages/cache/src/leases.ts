import { randomHex, sleep, type CancelTimer, type Clock } from '@msc/core'
import type { Keyspace } from './keyspace.ts'
import type { RunScript } from './run-script.ts'

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
  /** Somebody's load has just failed: everybody may try, and nobody may keep. */
  | { readonly kind: 'free' }

export interface LeaseOptions {
  readonly run: RunScript
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

export function createLeases({ run, keys, clock, random, leaseMs }: LeaseOptions): Leases {
  const renewals = new Set<() => void>()
  let closed = false

  return {
    async attempt(key) {
      const token = randomHex(16)
      const lock = keys.lock(key)
      const answer = (await run('ACQUIRE', [keys.value(key), lock], [token, String(leaseMs)])) as [
        number,
        string | null,
      ]
      const stored = answer[1] ?? undefined
      if (answer[0] === 0) return { kind: 'wait', stored }
      if (answer[0] === 2) return { kind: 'free' }
      return { kind: 'mine', stored, lease: hold(key, lock, token) }
    },
    pause: (attempt) => sleep(Math.min(10 * 1.6 ** attempt, 100) * (0.75 + random() / 2), { clock }),
    close() {
      closed = true
      for (const stop of renewals) stop()
    },
  }

  function hold(key: string, lock: string, token: string): Lease {
    let renewal: CancelTimer | undefined
    const stop = (): void => {
      renewal?.()
      renewals.delete(stop)
    }
    const renew = (): void => {
      renewal = clock.setTimeout(() => {
        run('RENEW', [lock], [token, String(leaseMs)]).then(
          // 0: somebody has invalidated the key, or has its lease by now.
          (kept) => kept === 1 && renewals.has(stop) && renew(),
          () => renewals.has(stop) && renew(),
        )
      }, leaseMs / 3)
    }
    if (!closed) {
      renewals.add(stop)
      renew()
    }
    return {
      async commit(stored, ttlMs) {
        stop()
        return (
          (await run('COMMIT', [keys.value(key), lock], [token, stored, String(Math.max(1, Math.round(ttlMs)))])) === 1
        )
      },
      async release(failed) {
        stop()
        await run('RELEASE', [lock], [token, failed ? String(FAILED_MS) : '0'])
      },
    }
  }
}
