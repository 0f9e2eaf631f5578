import type { ScopeBreadcrumb, ScopeUser } from '@msc/core'
import type { DropReason } from '@msc/core/delivery'

export type Level = 'fatal' | 'error' | 'warning' | 'info' | 'debug'

/** An earlier event that helps to explain a later error. */
export type Breadcrumb = ScopeBreadcrumb
export type MonitoredUser = ScopeUser

/** One call in a stack. */
export interface Frame {
  readonly function?: string
  /** A path or a URL without its query. */
  readonly file?: string
  /** Counted from 1, like `column`. */
  readonly line?: number
  readonly column?: number
  /** True for the application's own code, false for that of packages and the runtime. */
  readonly inApp: boolean
}

/** One error of a thrown value: the value itself, a cause, or a member of an aggregate. */
export interface ErrorValue {
  readonly name: string
  readonly message: string
  /** The stack as the runtime wrote it, cut to a limit. */
  readonly stack?: string
  /** The parsed stack, with the call that threw first. Empty if the runtime's format is unknown. */
  readonly frames: readonly Frame[]
  /** The index in the list of errors; 0 for the thrown value. */
  readonly id: number
  /** The id of the error whose cause or member this is; absent for the thrown value. */
  readonly parentId?: number
  /** The parent's property that holds it: `cause`, `errors[0]`. */
  readonly source?: string
  /** Set for an error that stands for several, such as an AggregateError. */
  readonly isGroup?: true
  /** The error's own properties, such as `status` or `code`. */
  readonly properties?: Readonly<Record<string, unknown>>
}

/** The fields of every signal, as redacted plain data. */
interface SignalBase {
  /** 32 hex digits. A backend that gets the same id twice keeps one signal. */
  readonly id: string
  /** The time at which it happened, in milliseconds since the epoch. */
  readonly timestamp: number
  readonly traceId?: string
  readonly spanId?: string
  readonly user?: MonitoredUser
  readonly tags: Readonly<Record<string, string>>
  readonly release?: string
  readonly environment?: string
}

/** The fields that errors and messages share, since both become issues. */
interface EventBase extends SignalBase {
  readonly level: Level
  readonly message: string
  readonly extra: Readonly<Record<string, unknown>>
  /** The same for all events of one issue. */
  readonly fingerprint: string
  /** True if the caller chose the fingerprint. If not, a backend with its own grouping uses that. */
  readonly fingerprintChosen: boolean
  /** The oldest first. */
  readonly breadcrumbs: readonly Breadcrumb[]
}

export interface ErrorSignal extends EventBase {
  readonly kind: 'error'
  /** The thrown value, then its causes and members, each after its parent. Never empty. */
  readonly errors: readonly ErrorValue[]
  /** False when nothing caught the error. */
  readonly handled: boolean
}

export interface MessageSignal extends EventBase {
  readonly kind: 'message'
}

/** A log line, which is searchable but not grouped. */
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
  /** The type of work: `cache.get`, `http.request`. */
  readonly operation: string
  /** The end, in milliseconds since the epoch; `timestamp` is the start. */
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

/** The start or the end of a scheduled job. */
export interface CheckInSignal extends SignalBase {
  readonly kind: 'check-in'
  /** The job's name: lower-case letters, digits, `-` and `_`. */
  readonly monitor: string
  /** 32 hex digits, the same for the start and the end of one run. */
  readonly checkInId: string
  readonly status: 'in_progress' | 'ok' | 'error'
  readonly durationMs?: number
  /** Creates or updates the monitor, if the backend supports that. */
  readonly schedule?: { readonly crontab: string; readonly timezone: string }
}

/** A user's session, from which a backend computes the health of a release. */
export interface SessionSignal extends SignalBase {
  readonly kind: 'session'
  readonly sessionId: string
  readonly status: 'ok' | 'exited' | 'crashed' | 'abnormal'
  readonly errors: number
  /** True for the first signal of its session. */
  readonly init: boolean
  readonly startedAt: number
}

export interface FeedbackSignal extends SignalBase {
  readonly kind: 'feedback'
  readonly message: string
  /** The id of the event that the feedback is about. */
  readonly eventId?: string
}

/** Counts of signals that were lost on the way to the sink that gets this one. */
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
