import type { ScopeBreadcrumb, ScopeUser } from '@msc/core'
import type { DropReason } from '@msc/core/delivery'

export type Level = 'fatal' | 'error' | 'warning' | 'info' | 'debug'

/** Something that happened before, kept to understand what went wrong after it. */
export type Breadcrumb = ScopeBreadcrumb
export type MonitoredUser = ScopeUser

/** One place in a stack of calls. */
export interface Frame {
  readonly function?: string
  /** A path or an address, without its query. */
  readonly file?: string
  /** From 1, as is `column`. */
  readonly line?: number
  readonly column?: number
  /** The application's own code: neither a package's nor the runtime's. */
  readonly inApp: boolean
}

/** One error of what was thrown: itself, a cause, or a member of an aggregate. */
export interface ErrorValue {
  readonly name: string
  readonly message: string
  /** As the runtime wrote it, cut to a bound. */
  readonly stack?: string
  /** The same, read: the call that threw first. Empty where the runtime's form is unknown. */
  readonly frames: readonly Frame[]
  /** From 0, what was thrown. */
  readonly id: number
  /** Whose cause or member it is; absent for what was thrown. */
  readonly parentId?: number
  /** How it hangs on its parent: `cause`, `errors[0]`. */
  readonly source?: string
  /** It stands for several: an AggregateError. */
  readonly isGroup?: true
  /** Its own properties, such as `status` or `code`. */
  readonly properties?: Readonly<Record<string, unknown>>
}

/** What every signal says of itself; redacted, plain data. */
interface SignalBase {
  /** 32 hex digits; a backend that sees it twice keeps it once. */
  readonly id: string
  /** Milliseconds since the epoch, when it happened. */
  readonly timestamp: number
  readonly traceId?: string
  readonly spanId?: string
  readonly user?: MonitoredUser
  readonly tags: Readonly<Record<string, string>>
  readonly release?: string
  readonly environment?: string
}

/** What errors and messages have in common: both become issues. */
interface EventBase extends SignalBase {
  readonly level: Level
  readonly message: string
  readonly extra: Readonly<Record<string, unknown>>
  /** Groups events that are one issue. */
  readonly fingerprint: string
  /** Did the caller choose the fingerprint? A backend with a grouping of its own uses that one if not. */
  readonly fingerprintChosen: boolean
  /** Oldest first. */
  readonly breadcrumbs: readonly Breadcrumb[]
}

export interface ErrorSignal extends EventBase {
  readonly kind: 'error'
  /** What was thrown first, then its causes and members, each after its parent. Never empty. */
  readonly errors: readonly ErrorValue[]
  /** False when nothing caught it. */
  readonly handled: boolean
}

export interface MessageSignal extends EventBase {
  readonly kind: 'message'
}

/** A line of a log: searched, not grouped. */
export interface LogSignal extends SignalBase {
  readonly kind: 'log'
  readonly level: Level
  readonly message: string
  readonly attributes: Readonly<Record<string, unknown>>
}

/** An operation that took time. */
export interface SpanSignal extends SignalBase {
  readonly kind: 'span'
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  /** What sort of work it was: `cache.get`, `http.request`. */
  readonly operation: string
  /** Milliseconds since the epoch; `timestamp` is the start. */
  readonly endTimestamp: number
  readonly status: 'ok' | 'error' | 'unset'
  readonly attributes: Readonly<Record<string, unknown>>
}

export interface MetricSignal extends SignalBase {
  readonly kind: 'metric'
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'distribution'
  readonly value: number
  readonly unit?: string
}

/** A scheduled job that has begun or ended. */
export interface CheckInSignal extends SignalBase {
  readonly kind: 'check-in'
  /** The job's name: lower case letters, digits, `-` and `_`. */
  readonly monitor: string
  /** The same for the beginning and the end of one run; 32 hex digits. */
  readonly checkInId: string
  readonly status: 'in_progress' | 'ok' | 'error'
  readonly durationMs?: number
  /** Creates or changes the monitor where the backend allows it. */
  readonly schedule?: { readonly crontab: string; readonly timezone: string }
}

/** How well a release does for its users. */
export interface SessionSignal extends SignalBase {
  readonly kind: 'session'
  readonly sessionId: string
  readonly status: 'ok' | 'exited' | 'crashed' | 'abnormal'
  readonly errors: number
  /** True for the first of its session. */
  readonly init: boolean
  readonly startedAt: number
}

export interface FeedbackSignal extends SignalBase {
  readonly kind: 'feedback'
  readonly message: string
  /** The event that it is about. */
  readonly eventId?: string
}

/** What was lost on the way to the sink that is told of it. */
export interface DropsSignal extends SignalBase {
  readonly kind: 'drops'
  readonly counts: readonly { readonly kind: string; readonly reason: DropReason; readonly count: number }[]
}

export type Signal =
  | ErrorSignal
  | MessageSignal
  | LogSignal
  | SpanSignal
  | MetricSignal
  | CheckInSignal
  | SessionSignal
  | FeedbackSignal
  | DropsSignal

export type SignalKind = Signal['kind']
