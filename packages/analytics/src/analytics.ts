import type { Clock, ErrorReporter, RedactOptions, Service } from '@msc/core'
import type { DeliveryStats, DropReason, OutboxStore } from '@msc/core/delivery'
import type { SubjectInput } from './recording/bad-call.ts'
import type { MessageInput, Properties } from './recording/build-envelope.ts'
import type { Catalogue } from './recording/catalogue.ts'
import type { AnalyticsDriver, FlagSource } from './driver.ts'
import type { Envelope, Evaluation, Json, PageContext, Subject } from './messages.ts'
import type { AnalyticsDrop } from './recording/sinks.ts'

/** The values that `getFeatureFlag` returns: `true`, `false`, or the name of a variant. */
export type FlagValue = boolean | string

export interface AnalyticsOptions {
  /** One backend, or several; each has an outbox and a breaker of its own. */
  readonly driver: AnalyticsDriver | readonly AnalyticsDriver[]
  /** Evaluates flags. Without one, every flag has its fallback. */
  readonly flags?: FlagSource | undefined
  /** When set, an event that the catalogue does not name, or whose properties do not match its schema, is dropped. */
  readonly catalogue?: Catalogue
  /**
   * Makes a bad call throw a `ValidationError` at the call, instead of becoming a counted, reported drop; it rejects
   * when a schema of the catalogue is asynchronous. For tests and development. Default false.
   */
  readonly strict?: boolean
  /** Rules in addition to those of `configureRedaction` of @msc/core, which apply to the whole process. */
  readonly redact?: RedactOptions
  readonly release?: string | undefined
  /** Default `server`. */
  readonly source?: Envelope['source']
  /** How long an event waits for others to share its batch, in milliseconds at most. Default 500. */
  readonly flushIntervalMs?: number
  /** Events in one delivery. Default, and at most: the driver's own limit. */
  readonly batchSize?: number
  /** Events that are queued for one driver while its backend is away. Default 10 000. */
  readonly maxQueue?: number
  /** Bytes that are queued for one driver, including those being sent. Default 8 MiB. */
  readonly maxQueueBytes?: number
  /** Deadline of one delivery, in milliseconds. Default 5 000. */
  readonly timeoutMs?: number
  /** Deadline of one flag evaluation, in milliseconds. Default 1 000. */
  readonly flagTimeoutMs?: number
  /**
   * Delivers queued events before the process ends, however it ends. Default false here, true for the default instance.
   * If the application listens for errors or signals itself, it also has to end the process.
   */
  readonly processEnd?: boolean
  /** The storage in which each driver's envelopes outlive a page. Default none. */
  readonly store?: (driver: AnalyticsDriver) => OutboxStore<Envelope> | undefined
  readonly clock?: Clock
  readonly random?: () => number
  /** Called with each loss: how many messages of which kind were dropped, and why. */
  readonly onDrop?: (drop: AnalyticsDrop) => unknown
  /**
   * Called for each failure that has no caller to throw to, including bad calls. Default: the reporter of the process,
   * else the console.
   */
  readonly onError?: ErrorReporter
}

/** Fields that a caller can set instead of the engine. */
export interface RecordOptions {
  /**
   * A UUID. An event that is recorded twice under one id, for example by a webhook or a retried job, is kept once.
   * Default: a new id.
   */
  readonly id?: string
  /**
   * When the event happened, in milliseconds since the epoch. Default now. A time before 1980 or more than a day ahead
   * is invalid: it is reported and the event is recorded as of now; with `strict` the call throws.
   */
  readonly at?: number
  readonly page?: PageContext | undefined
  /** Called when the event was refused or no queue had room for it: synchronously, unless a schema is asynchronous. */
  readonly onLost?: (() => unknown) | undefined
}

export interface FlagOptions {
  /** Properties of the person, for targeting. They go to the flag source unredacted. */
  readonly properties?: Properties
  readonly groups?: Readonly<Record<string, string>>
  /** The value while the source is away, and for a flag that it does not know. Default `false`. */
  readonly fallback?: FlagValue
}

export interface Analytics extends Service {
  readonly concern: 'analytics'
  /**
   * Queues an event, which takes microseconds, and resolves. The event is delivered within `flushIntervalMs`. Never
   * rejects, unless `strict`: while a backend is away up to `maxQueue` events wait, and a bad call is dropped, counted
   * and reported.
   */
  track(distinctId: string, event: string, properties?: Properties, options?: RecordOptions): Promise<void>
  /** Sets properties of the person. Resolves and fails like {@link track}. */
  identify(distinctId: string, properties?: Properties, options?: RecordOptions): Promise<void>
  /**
   * Records a message of any kind, such as an alias, a group, a page view or a model call. Resolves and fails like
   * {@link track}.
   *
   * @example analytics.record('user-1', { kind: 'group', type: 'company', groupKey: 'msc', set: { plan: 'pro' } })
   */
  record(subject: SubjectInput, message: MessageInput, options?: RecordOptions): Promise<void>
  /**
   * Returns the flag's value, or `fallback` while the source is away or when it does not know the flag. Records the
   * exposure, once per person and value. A value that is neither a boolean nor text becomes `true` or the name of its
   * variant; see {@link evaluateFlag} for the value itself.
   */
  getFeatureFlag(flag: string, distinctId: string, options?: FlagOptions): Promise<FlagValue>
  /** True when the flag is on, or has any variant. */
  isFeatureEnabled(flag: string, distinctId: string, options?: FlagOptions): Promise<boolean>
  /** Returns the flag's value, of any type, with its payload and the reason for it. Never rejects, unless `strict`. */
  evaluateFlag(
    flag: string,
    subject: SubjectInput,
    options?: Omit<FlagOptions, 'fallback'> & { readonly fallback?: Json },
  ): Promise<Evaluation>
  /** Returns all flags of a person, for a page to start with; empty while the source is away. Records no exposure. */
  evaluateFlags(
    subject: SubjectInput,
    options?: Omit<FlagOptions, 'fallback'>,
  ): Promise<ReadonlyMap<string, Evaluation>>
  /** Records that a person was shown a value that was evaluated before, once per person, flag and value. */
  expose(subject: Subject, flag: string, evaluation: Evaluation, options?: RecordOptions): void
  /** Health of the flag source, which is separate from that of the sinks. `undefined` without a source. */
  readonly flagService: Service | undefined
  /** Counts, as dropped, messages that were lost before they reached the engine: calls that a page could not keep. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  /** Sends what is queued as the page is being left: synchronously, as far as the browser allows. */
  leave(budgetMs: number): void
  /** Sums over all drivers. At every instant `accepted = delivered + dropped + queued + inFlight`. */
  stats(): DeliveryStats
  /** The same for each driver, by name. A second driver with the same name gets a number: `posthog (2)`. */
  sinks(): ReadonlyMap<string, DeliveryStats>
}
