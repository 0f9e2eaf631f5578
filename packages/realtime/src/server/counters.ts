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

/** What is only counted, since the server was made. */
export interface Counted {
  readonly joins: number
  readonly leaves: number
  /** Messages that were taken for a room. */
  readonly broadcasts: number
  /** Frames that these became: one for each member that was sent it. */
  readonly deliveries: number
  /** Members that were sent out of a topic. */
  readonly kicked: number
  /** Connections that `disconnect` and `revoke` ended. */
  readonly ended: number
}

/** Counts since the server was made. Nothing here does more than add. */
export interface Counters extends Counted {
  /** By reason; what never happened is absent. */
  readonly refused: Readonly<Partial<Record<RefusedCode, number>>>
  countJoin(): void
  countLeave(): void
  countBroadcasts(amount: number): void
  countDeliveries(amount: number): void
  countKicked(amount: number): void
  countEnded(amount: number): void
  countRefused(code: RefusedCode, amount?: number): void
  /** Told of what is refused to a frame in a topic. */
  onRefusedIn?: (topic: string, code: RefusedCode) => void
}

export function createCounters(): Counters {
  const counted = { joins: 0, leaves: 0, broadcasts: 0, deliveries: 0, kicked: 0, ended: 0 }
  const refused = new Map<RefusedCode, number>()
  return {
    get joins() {
      return counted.joins
    },
    get leaves() {
      return counted.leaves
    },
    get broadcasts() {
      return counted.broadcasts
    },
    get deliveries() {
      return counted.deliveries
    },
    get kicked() {
      return counted.kicked
    },
    get ended() {
      return counted.ended
    },
    get refused() {
      return Object.fromEntries(refused)
    },
    countJoin() {
      counted.joins += 1
    },
    countLeave() {
      counted.leaves += 1
    },
    countBroadcasts(amount) {
      counted.broadcasts += amount
    },
    countDeliveries(amount) {
      counted.deliveries += amount
    },
    countKicked(amount) {
      counted.kicked += amount
    },
    countEnded(amount) {
      counted.ended += amount
    },
    countRefused(code, amount = 1) {
      refused.set(code, (refused.get(code) ?? 0) + amount)
    },
  }
}
