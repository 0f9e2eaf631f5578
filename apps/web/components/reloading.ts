import { systemClock, type Clock } from '@msc/core'

/** So long changes that come together are waited for. */
const BURST_MS = 50
/** A page asks again for itself and for what its links lead to: an account's allowance is for several tabs that do. */
const EVERY_MS = 2000

export interface Reloading {
  /** Tells that something has changed. */
  request(): void
  /** Tells that the page may have come into view. */
  look(): void
  stop(): void
}

/** Calls `reload` soon after a change, and at most every two seconds while changes go on, and not while nobody looks. */
export function createReloading(
  reload: () => void,
  { isHidden, clock = systemClock }: { readonly isHidden: () => boolean; readonly clock?: Clock },
): Reloading {
  let last = -Infinity
  let wanted = false
  let cancel: (() => void) | undefined
  const arm = (): void => {
    if (!wanted || cancel || isHidden()) return
    cancel = clock.setTimeout(
      () => {
        cancel = undefined
        if (isHidden()) return
        wanted = false
        last = clock.monotonic()
        reload()
      },
      Math.max(BURST_MS, last + EVERY_MS - clock.monotonic()),
    )
  }
  return {
    request() {
      wanted = true
      arm()
    },
    look: arm,
    stop() {
      cancel?.()
      cancel = undefined
    },
  }
}
