import type { DriverBase } from '@msc/core'

/** `true`/`false` for a plain flag, a string for the variant of a multivariate one. */
export type FlagValue = boolean | string

/** One event on its way to a backend; redacted, plain data. */
export interface AnalyticsEvent {
  /** A UUID; a backend that sees it twice keeps it once. */
  readonly id: string
  readonly event: string
  readonly distinctId: string
  /** Milliseconds since the epoch, when it happened. */
  readonly timestamp: number
  readonly properties: Readonly<Record<string, unknown>>
}

export interface FlagQuery {
  readonly distinctId: string
  /** What is known of the person, for targeting. */
  readonly properties: Readonly<Record<string, unknown>>
}

export interface FlagResult {
  readonly value: FlagValue
  /** Why: `rollout`, `override`, `disabled`, or the backend's own word. */
  readonly reason: string
}

export interface AnalyticsCapabilities {
  /** Is there an `evaluateFlags`? Without it every flag has its default. */
  readonly flags: boolean
}

/** One backend of `@msc/analytics`. */
export interface AnalyticsDriver extends DriverBase {
  readonly capabilities: AnalyticsCapabilities
  /** Delivers the whole batch, or rejects having kept none of it back: the engine decides what happens next. */
  send(events: readonly AnalyticsEvent[], signal: AbortSignal): Promise<void>
  /** Every flag of the person; one that does not exist is absent. */
  evaluateFlags?(query: FlagQuery, signal: AbortSignal): Promise<Readonly<Record<string, FlagResult>>>
}
