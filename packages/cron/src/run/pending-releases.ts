import type { Clock } from '@msc/core'

/** A token that may still own a key, and has to be released. */
export interface PendingRelease {
  readonly key: string
  readonly token: string
  /**
   * True when the store granted the claim: the first release that succeeds ends it. False when the claim's answer was
   * lost: the claim may reach the store after a release that was sent later, so the token stays pending until another
   * claim of the key is granted.
   */
  readonly granted: boolean
}

/** The releases that have not succeeded yet; each is dropped when the lease of its claim must have ended. */
export interface PendingReleases {
  readonly size: number
  /** `forMs`: how long the token may own the key, in milliseconds from now. */
  add(release: PendingRelease, forMs: number): void
  remove(token: string): void
  /** The pending releases of `key`, or all of them. */
  of(key?: string): readonly PendingRelease[]
}

export function createPendingReleases(clock: Clock): PendingReleases {
  const byToken = new Map<string, PendingRelease & { readonly until: number }>()

  const dropExpired = (): void => {
    const now = clock.monotonic()
    for (const [token, { until }] of byToken) if (until <= now) byToken.delete(token)
  }
  return {
    get size() {
      dropExpired()
      return byToken.size
    },
    add(release, forMs) {
      dropExpired()
      byToken.set(release.token, { ...release, until: clock.monotonic() + forMs })
    },
    remove: (token) => void byToken.delete(token),
    of(key) {
      dropExpired()
      return [...byToken.values()].filter((release) => key === undefined || release.key === key)
    },
  }
}
