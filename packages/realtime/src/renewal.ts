import type { CancelTimer, Clock } from '@msc/core'
import { expiresAt } from './token.ts'

export interface RenewalOptions {
  readonly clock: Clock
  readonly getToken: () => Promise<string | undefined>
  readonly onToken: (token: string) => void
}

/** Renewed this long before it expires. */
const BEFORE_MS = 30_000
/** No timer waits for longer than some 24 days, and a token that lives for years may be asked for now and then. */
const MOST_MS = 86_400_000

/**
 * Asks for another token before one expires. Less and less often where that fails, and where each new one is about to expire
 * as well, as on a device whose clock is wrong. Returns how to stop.
 */
export function keepRenewed(token: string | undefined, { clock, getToken, onToken }: RenewalOptions): CancelTimer {
  let cancel: CancelTimer | undefined
  let stopped = false
  const plan = (current: string | undefined, hurried: number): void => {
    const at = current === undefined ? undefined : expiresAt(current)
    if (at === undefined || stopped) return
    const left = at - clock.now() - BEFORE_MS
    const atLeast = Math.min(60_000, 1000 * 2 ** hurried)
    const renew = async (): Promise<void> => {
      const next = await getToken().catch(() => undefined)
      if (stopped) return
      if (next !== undefined) onToken(next)
      plan(next ?? current, left > atLeast ? 0 : hurried + 1)
    }
    cancel = clock.setTimeout(() => void renew(), Math.min(MOST_MS, Math.max(left, atLeast)))
  }
  plan(token, 0)
  return () => {
    stopped = true
    cancel?.()
  }
}
