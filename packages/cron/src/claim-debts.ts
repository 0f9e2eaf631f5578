import type { Clock } from '@msc/core'

/** A token that may still own a key. */
export interface Debt {
  readonly key: string
  readonly token: string
  /**
   * The claim was granted, so that one release ends it. Else nobody knows, and the claim may yet arrive behind a release
   * that was sent after it: it is settled when another claim of the key is granted.
   */
  readonly granted: boolean
}

/** What may still be owed to the store, each until its lease would have ended. */
export interface ClaimDebts {
  readonly size: number
  /** The token may own the key for so long, in milliseconds from now. */
  owe(debt: Debt, forMs: number): void
  settle(token: string): void
  /** Of one key, or all. */
  of(key?: string): readonly Debt[]
}

export function createClaimDebts(clock: Clock): ClaimDebts {
  const byToken = new Map<string, Debt & { readonly until: number }>()

  const forgetExpired = (): void => {
    const now = clock.monotonic()
    for (const [token, { until }] of byToken) if (until <= now) byToken.delete(token)
  }
  return {
    get size() {
      forgetExpired()
      return byToken.size
    },
    owe(debt, forMs) {
      forgetExpired()
      byToken.set(debt.token, { ...debt, until: clock.monotonic() + forMs })
    },
    settle: (token) => void byToken.delete(token),
    of(key) {
      forgetExpired()
      return [...byToken.values()].filter((debt) => key === undefined || debt.key === key)
    },
  }
}
