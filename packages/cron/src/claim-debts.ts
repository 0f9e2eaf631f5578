import type { Clock } from '@msc/core'

/** Tokens that may still own a key, each until its lease would have ended. */
export interface ClaimDebts {
  /** The token may own the key for so long, in milliseconds from now. */
  owe(key: string, token: string, forMs: number): void
  settle(key: string, token: string): void
  of(key: string): readonly string[]
}

export function createClaimDebts(clock: Clock): ClaimDebts {
  const byKey = new Map<string, Map<string, number>>()

  const settle: ClaimDebts['settle'] = (key, token) => {
    const owed = byKey.get(key)
    owed?.delete(token)
    if (owed?.size === 0) byKey.delete(key)
  }
  const forgetExpired = (): void => {
    const now = clock.monotonic()
    for (const [key, owed] of byKey) for (const [token, until] of owed) if (until <= now) settle(key, token)
  }
  return {
    owe(key, token, forMs) {
      forgetExpired()
      const owed = byKey.get(key) ?? new Map<string, number>()
      byKey.set(key, owed.set(token, clock.monotonic() + forMs))
    },
    settle,
    of(key) {
      forgetExpired()
      return [...(byKey.get(key)?.keys() ?? [])]
    },
  }
}
