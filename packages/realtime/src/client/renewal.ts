import type { Clock } from '@msc/core'
import { expiresAt } from './token.ts'

export interface RenewalOptions {
  readonly clock: Clock
  readonly getToken: () => Promise<string | undefined>
  readonly onToken: (token: string) => void
  /** Ends it. */
  readonly signal: AbortSignal
}

/** Renewed this long before it expires. */
const BEFORE_MS = 30_000
/** No timer waits for longer than some 24 days, and a token that lives for years may be asked for now and then. */
const MOST_MS = 86_400_000

/**
 * Asks for another token before one expires. Less and less often where that fails, and where each new one is about to expire
 * as well, as on a device whose clock is wrong.
 */
export function keepRenewed(token: string, { clock, getToken, onToken, signal }: RenewalOptions): void {
  const plan = (current: string, hurried: number): void => {
    const at = expiresAt(current)
    if (at === undefined || signal.aborted) return
    const left = at - clock.now() - BEFORE_MS
    const atLeast = Math.min(60_000, 1000 * 2 ** hurried)
    const renew = async (): Promise<void> => {
      signal.removeEventListener('abort', cancel)
      const next = await getToken().catch(() => undefined)
      if (signal.aborted) return
      if (next !== undefined) onToken(next)
      plan(next ?? current, left > atLeast ? 0 : hurried + 1)
    }
    const cancel = clock.setTimeout(() => void renew(), Math.min(MOST_MS, Math.max(left, atLeast)))
    signal.addEventListener('abort', cancel, { once: true })
  }
  plan(token, 0)
}
