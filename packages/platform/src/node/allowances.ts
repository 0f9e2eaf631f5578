import type { Clock } from '@msc/core'

/** How much may come within a window. It is refilled evenly, so that there is no moment at which all of it is free again. */
export interface Allowance {
  readonly calls: number
  /** Of requests and answers together. */
  readonly bytes: number
  readonly windowSeconds: number
}

/** The allowances of many clients, by key. */
export interface Allowances {
  /** Takes one call. Returns 0, or the milliseconds until one is free again. A refused call costs nothing. */
  take(key: string): number
  /** Takes bytes that have come already. */
  charge(key: string, bytes: number): void
}

/** What a client has used, as the times (monotonic, in milliseconds) at which all of it will be free again. */
interface Used {
  callsUntil: number
  bytesUntil: number
}

/**
 * The generic cell rate algorithm: one number for each limit and client. A window's worth may come at once.
 *
 * Source: ITU-T I.371, Annex A, virtual scheduling; https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 */
export function createAllowances(
  { calls, bytes, windowSeconds }: Allowance,
  { clock, maxClients }: { readonly clock: Clock; readonly maxClients: number },
): Allowances {
  const windowMs = windowSeconds * 1000
  const perCall = windowMs / calls
  const perByte = windowMs / bytes
  /** The one that was used longest ago is first. */
  const clients = new Map<string, Used>()

  const usedBy = (key: string, now: number): Used => {
    const known = clients.get(key)
    const used = known ?? { callsUntil: now, bytesUntil: now }
    if (known) clients.delete(key)
    clients.set(key, used)
    if (clients.size > maxClients) clients.delete(clients.keys().next().value as string)
    return used
  }

  return {
    take(key) {
      const now = clock.monotonic()
      const used = usedBy(key, now)
      const calls_ = Math.max(used.callsUntil, now) + perCall
      const wait = Math.max(calls_ - now - windowMs, used.bytesUntil - now - windowMs)
      // Half a call's time is what rounding may amount to.
      if (wait > perCall / 2) return Math.ceil(wait)
      used.callsUntil = calls_
      return 0
    },
    charge(key, amount) {
      const now = clock.monotonic()
      const used = usedBy(key, now)
      used.bytesUntil = Math.max(used.bytesUntil, now) + amount * perByte
    },
  }
}
