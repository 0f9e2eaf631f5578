import type { Clock } from '@msc/core'

/** Which message of which account it is, as hashes: the account's, and one of all that tells it from every other message. */
export type Once = readonly [account: string, key: string]

/** What whoever sent it is answered. */
export interface Answer {
  /** Of one that is kept. */
  readonly id?: string | undefined
  readonly at?: string | undefined
  readonly by?: string | undefined
}

/** Which messages of an account were taken, that it may send again. */
export interface Taken {
  /** `undefined` for one that was not. A promise while it is being taken, of `undefined` where that fails. */
  find(once: Once): Answer | Promise<Answer | undefined> | undefined
  /** It was taken, or is being taken: where that fails it may come again. */
  add(once: Once, answer: Answer | Promise<Answer>): void
}

interface Entry {
  readonly until: number
  answer: Answer | Promise<Answer | undefined>
}

const KEEP_MS = 10 * 60_000
/** Of one account: more than a client keeps. */
const MAX_IDS = 500
/** With more, the one that was quiet for longest is forgotten. */
const MAX_ACCOUNTS = 10_000

export function createTaken(clock: Clock): Taken {
  const accounts = new Map<string, Map<string, Entry>>()
  /** The account's, which is the latest now. */
  const idsOf = (account: string): Map<string, Entry> => {
    const ids = accounts.get(account) ?? new Map<string, Entry>()
    accounts.delete(account)
    accounts.set(account, ids)
    if (accounts.size > MAX_ACCOUNTS) accounts.delete(accounts.keys().next().value as string)
    return ids
  }
  return {
    find([account, key]) {
      if (!accounts.has(account)) return undefined
      const entry = idsOf(account).get(key)
      return entry && entry.until > clock.monotonic() ? entry.answer : undefined
    },
    add([account, key], answer) {
      const now = clock.monotonic()
      const ids = idsOf(account)
      ids.delete(key)
      for (const [known, { until }] of ids) {
        if (until > now && ids.size < MAX_IDS) break
        ids.delete(known)
      }
      const entry: Entry = { until: now + KEEP_MS, answer: {} }
      entry.answer =
        answer instanceof Promise
          ? answer.then(
              (found) => (entry.answer = found),
              () => {
                if (ids.get(key) === entry) ids.delete(key)
                return undefined
              },
            )
          : answer
      ids.set(key, entry)
    },
  }
}
