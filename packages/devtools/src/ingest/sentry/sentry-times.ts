import type { Accepted } from '../received.ts'
import { occurredAt, parseSeconds } from '../times.ts'

/** When an envelope came, and when its sender says that it was sent. */
export interface Times {
  readonly now: number
  readonly sentAt: number | undefined
}

/** What became of one item; nothing when there is no place for it. */
export type Reading = readonly Accepted[]

/** One of Sentry's times by the clock of the server. */
export function momentOf(value: unknown, { sentAt, now }: Times): number {
  return occurredAt(parseSeconds(value), sentAt, now)
}
