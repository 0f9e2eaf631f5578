import type { DriverBase } from '@msc/core'

export type Level = 'fatal' | 'error' | 'warning' | 'info' | 'debug'

/** Something that happened before, kept to understand what went wrong after it. */
export interface Breadcrumb {
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  /** `navigation`, `cache.get`, `ui.click`, … */
  readonly category: string
  readonly message: string
  readonly level: Level
  readonly data?: Readonly<Record<string, unknown>>
}

/** One error of a chain of causes. */
export interface ErrorValue {
  readonly name: string
  readonly message: string
  /** As the runtime wrote it; a driver parses it if its backend wants frames. */
  readonly stack?: string
}

export interface MonitoredUser {
  readonly id: string
  readonly [property: string]: unknown
}

/** One error or message on its way to a backend; redacted, plain data. */
export interface MonitoringEvent {
  /** 32 hex digits; a backend that sees it twice keeps it once. */
  readonly id: string
  readonly kind: 'error' | 'message'
  /** Milliseconds since the epoch, when it happened. */
  readonly timestamp: number
  readonly level: Level
  readonly message: string
  /** The error that was caught, then its causes. Empty for a message. */
  readonly errors: readonly ErrorValue[]
  /** False when nothing caught it. */
  readonly handled: boolean
  readonly tags: Readonly<Record<string, string>>
  readonly extra: Readonly<Record<string, unknown>>
  readonly user?: MonitoredUser
  readonly traceId?: string
  readonly spanId?: string
  /** Groups events that are one issue. */
  readonly fingerprint: string
  /** Did the caller choose the fingerprint? A backend with a grouping of its own uses that one if not. */
  readonly fingerprintChosen: boolean
  readonly release?: string
  readonly environment?: string
  /** Oldest first. */
  readonly breadcrumbs: readonly Breadcrumb[]
}

/** One backend of `@msc/monitoring`. */
export interface MonitoringDriver extends DriverBase {
  /** Delivers the whole batch, or rejects with a `DriverError`; a batch that is sent again has the same ids. */
  send(events: readonly MonitoringEvent[], signal: AbortSignal): Promise<void>
}
