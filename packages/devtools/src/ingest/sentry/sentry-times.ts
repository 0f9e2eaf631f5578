import type { Accepted } from '../received.ts'
import { occurredAt, parseSeconds } from '../times.ts'

/** The time at which an envelope arrived, and the time at which its sender claims to have sent it. */
export interface Times {
  readonly now: number
  readonly sentAt: number | undefined
}

/** The records of one item; none if the journal has no place for it. */
export type Reading = readonly Accepted[]

/** Converts one of Sentry's times to the server's clock. */
export function momentOf(value: unknown, { sentAt, now }: Times): number {
  return occurredAt(parseSeconds(value), sentAt, now)
}
