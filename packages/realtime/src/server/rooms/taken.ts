import type { Clock } from '@msc/core'

/** Which messages of an account were taken, by the ids under which it may send them again. */
export interface Taken {
  /** False when it was there already. */
  add(account: string, id: string): boolean
  /** It was not taken after all. */
  remove(account: string, id: string): void
}

const KEEP_MS = 10 * 60_000
/** Of one account: more than a client keeps. */
const MAX_IDS = 500
/** With more, the one that was quiet for longest is forgotten. */
const MAX_ACCOUNTS = 10_000

export function createTaken(clock: Clock): Taken {
  const accounts = new Map<string, Map<string, number>>()
  return {
    add(account, id) {
      const now = clock.monotonic()
      const ids = accounts.get(account) ?? new Map<string, number>()
      // The latest last.
      accounts.delete(account)
      accounts.set(account, ids)
      if (accounts.size > MAX_ACCOUNTS) accounts.delete(accounts.keys().next().value as string)
      for (const [known, until] of ids) {
        if (until > now && ids.size < MAX_IDS) break
        ids.delete(known)
      }
      if (ids.has(id)) return false
      ids.set(id, now + KEEP_MS)
      return true
    },
    remove(account, id) {
      accounts.get(account)?.delete(id)
    },
  }
}
