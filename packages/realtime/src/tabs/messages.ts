import { DriverError, MscError, toError } from '@msc/core'
import type { ActionRequest, HistoryWish } from '../history/types.ts'
import type { PresenceState, SubscribeOptions, SubscriptionLimits } from '../driver.ts'

/** The payload, state or action in an object, as JSON text: where its numbers have more digits than a clone of them. */
export interface Exact {
  readonly json?: string
}

/** What a tab asks of the one that holds the connection. `sub`: the asking tab's name of its subscription. */
export type Request =
  | { readonly do: 'subscribe'; readonly sub: string; readonly topic: string; readonly options: SubscribeOptions }
  | (Exact & {
      readonly do: 'send'
      readonly sub: string
      readonly event: string
      readonly payload: unknown
      /** This tab knows its own message where that comes among the others. */
      readonly echo?: boolean
    })
  | (Exact & { readonly do: 'track'; readonly sub: string; readonly state: object })
  | { readonly do: 'untrack'; readonly sub: string }
  | {
      readonly do: 'since'
      readonly sub: string
      readonly after: string | undefined
      readonly latest: HistoryWish | undefined
    }
  | (Exact & { readonly do: 'act'; readonly sub: string; readonly action: ActionRequest })
  | { readonly do: 'occupancy'; readonly sub: string }
  | { readonly do: 'token'; readonly sub: string; readonly token: string }
  | { readonly do: 'leave'; readonly sub: string }
  | { readonly do: 'ping' }

/** The answer to `subscribe`: what the server told, and what the driver can. */
export interface Shared {
  readonly limits?: SubscriptionLimits | undefined
  readonly bytes: boolean
  readonly acts?: boolean
  readonly counts: boolean
}

/** What it answers, and what it hands on. */
export type Answer =
  | { readonly re: string; readonly value?: unknown; readonly error?: PlainError }
  | { readonly sub: string; readonly message: readonly [event: string, payload: unknown, meta?: unknown] }
  | { readonly sub: string; readonly presence: PresenceState }
  | { readonly sub: string; readonly occupancy: unknown }
  | { readonly sub: string; readonly down: PlainError; readonly spreadMs?: number }

/** Everything that goes between tabs. `term`: the leader of whom it is, so that nothing is taken for another's. */
export type Wire =
  | { readonly kind: 'leader'; readonly term: string }
  | { readonly kind: 'who' }
  | { readonly kind: 'ask'; readonly term: string; readonly from: string; readonly id: string; readonly ask: Request }
  | { readonly kind: 'tell'; readonly term: string; readonly to: string; readonly tell: Answer }

export interface PlainError {
  readonly driver: string
  readonly message: string
  readonly code?: string
  readonly retryable?: boolean
  readonly hint?: string
  readonly retryAfterMs?: number
}

export function toPlain(driver: string, reason: unknown): PlainError {
  if (!MscError.isInstance(reason)) return { driver, message: toError(reason).message }
  // What stands in brackets is put before it again on the other side.
  const message = reason.message.replace(/^\[[^\]]*\] /, '')
  const { code, retryable, hint, retryAfterMs } = reason as MscError & Partial<DriverError>
  return { driver, message, code, retryable, hint, retryAfterMs } as PlainError
}

export function fromPlain({ driver, message, ...options }: PlainError): DriverError {
  return new DriverError(driver, message, { retryable: true, ...options })
}
