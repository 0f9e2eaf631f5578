import type { RefusalCode } from './session/refusal.ts'

/**
 * What is refused or dropped: what senders are told, `UNAUTHENTICATED` at the doors, a reader that is too slow, a sender that
 * floods, and a feed's messages in whose place members are told to fetch.
 */
export type RefusedCode =
  | RefusalCode
  | 'UNAUTHENTICATED'
  | 'NOT_JOINED'
  | 'OTHER'
  | 'SLOW_CONSUMER'
  | 'FLOOD'
  | 'FEED_REPLACED'

/** Counts since the server was made. */
export interface Counters {
  readonly joins: number
  readonly broadcasts: number
  /** By reason; what never happened is absent. */
  readonly refused: Readonly<Partial<Record<RefusedCode, number>>>
  countJoin(): void
  countBroadcasts(amount: number): void
  countRefused(code: RefusedCode, amount?: number): void
}

export function createCounters(): Counters {
  let joins = 0
  let broadcasts = 0
  const refused = new Map<RefusedCode, number>()
  return {
    get joins() {
      return joins
    },
    get broadcasts() {
      return broadcasts
    },
    get refused() {
      return Object.fromEntries(refused)
    },
    countJoin() {
      joins += 1
    },
    countBroadcasts(amount) {
      broadcasts += amount
    },
    countRefused(code, amount = 1) {
      refused.set(code, (refused.get(code) ?? 0) + amount)
    },
  }
}
