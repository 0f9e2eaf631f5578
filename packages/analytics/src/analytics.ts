import type { Clock, ErrorReporter, RedactOptions, Service } from '@msc/core'
import type { DeliveryStats, DropReason, OutboxStore } from '@msc/core/delivery'
import type { SubjectInput } from './recording/bad-call.ts'
import type { MessageInput, Properties } from './recording/build-envelope.ts'
import type { Catalogue } from './recording/catalogue.ts'
import type { AnalyticsDriver, FlagSource } from './driver.ts'
import type { Envelope, Evaluation, Json, PageContext, Subject } from './messages.ts'
import type { AnalyticsDrop } from './recording/sinks.ts'

/** What the older functions of flags return: `true`/`false`, or the name of a variant. */
export type FlagValue = boolean | string

export interface AnalyticsOptions {
  /** One backend, or several: each has an outbox and a breaker of its own. */
  readonly driver: AnalyticsDriver | readonly AnalyticsDriver[]
  /** Where flags are evaluated; without one each flag has its fallback. */
  readonly flags?: FlagSource | undefined
  /** With one, an event that it does not name or whose properties do not fit is refused. */
  readonly catalogue?: Catalogue
  /**
   * A bad call throws a `ValidationError` where it is made, instead of becoming a counted, reported drop; it rejects
   * where a schema of the catalogue answers later. For tests and development. Default false.
   */
  readonly strict?: boolean
  /** In addition to what `configureRedaction` of @msc/core says for the whole process. */
  readonly redact?: RedactOptions
  readonly release?: string | undefined
  /** Default `server`. */
  readonly source?: Envelope['source']
  /** Milliseconds an event waits for others at most. Default 500. */
  readonly flushIntervalMs?: number
  /** Events in one delivery, at most as many as the driver takes, which is the default. */
  readonly batchSize?: number
  /** Events held for one driver while its backend is away. Default 10 000. */
  readonly maxQueue?: number
  /** Bytes held for one driver, what is on the wire included. Default 8 MiB. */
  readonly maxQueueBytes?: number
  /** Milliseconds for one delivery. Default 5 000. */
  readonly timeoutMs?: number
  /** Milliseconds for an evaluation of flags. Default 1 000. */
  readonly flagTimeoutMs?: number
  /**
   * Deliver before the process ends, however it ends. Default false here, true for the default instance. Where the
   * application has listeners of its own for an error or a signal, ending is left to them.
   */
  readonly processEnd?: boolean
  /** Where envelopes outlive a page, for each driver. Default nowhere. */
  readonly store?: (driver: AnalyticsDriver) => OutboxStore<Envelope> | undefined
  readonly clock?: Clock
  readonly random?: () => number
  /** Told what was lost, of which kind and why. */
  readonly onDrop?: (drop: AnalyticsDrop) => unknown
  /** Told of what fails where nobody waits, bad calls too. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
}

/** What a caller may know better than the engine. */
export interface RecordOptions {
  /** A UUID, so that what is told twice, by a webhook or a retried job, is kept once. Default: a new one. */
  readonly id?: string
  /**
   * Milliseconds since the epoch, when it happened. Default now. A time before 1980 or more than a day ahead is no such:
   * it is reported, and the event counts as of now; with `strict` the call throws.
   */
  readonly at?: number
  readonly page?: PageContext | undefined
  /** Called when it was refused, or no queue had room for it: at once, unless a schema has to answer first. */
  readonly onLost?: (() => unknown) | undefined
}

export interface FlagOptions {
  /** What is known of the person, for targeting. Goes to the flag source as it is. */
  readonly properties?: Properties
  readonly groups?: Readonly<Record<string, string>>
  /** The value while the source is away or does not know the flag. Default `false`. */
  readonly fallback?: FlagValue
}

export interface Analytics extends Service {
  readonly concern: 'analytics'
  /**
   * Accepts an event; resolves as soon as it is queued, which takes microseconds. It is delivered within
   * `flushIntervalMs`. Never rejects, unless `strict`: while a backend is away up to `maxQueue` events wait, and a bad
   * call is dropped, counted and reported.
   */
  track(distinctId: string, event: string, properties?: Properties, options?: RecordOptions): Promise<void>
  /** Sets properties of the person. As {@link track}. */
  identify(distinctId: string, properties?: Properties, options?: RecordOptions): Promise<void>
  /**
   * Accepts a message of any kind: an alias, a group, a page, a model's generation. As {@link track}.
   *
   * @example analytics.record('user-1', { kind: 'group', type: 'company', groupKey: 'msc', set: { plan: 'pro' } })
   */
  record(subject: SubjectInput, message: MessageInput, options?: RecordOptions): Promise<void>
  /**
   * The flag's value, or `fallback` while the source is away or does not know it. Records the exposure, once for a
   * person and a value. A value that is no boolean and no text is `true`, or its variant: see {@link evaluateFlag}.
   */
  getFeatureFlag(flag: string, distinctId: string, options?: FlagOptions): Promise<FlagValue>
  /** Is the flag on, or in any variant? */
  isFeatureEnabled(flag: string, distinctId: string, options?: FlagOptions): Promise<boolean>
  /** The flag's value of any type, with its payload and why it has it. Never rejects, unless `strict`. */
  evaluateFlag(
    flag: string,
    subject: SubjectInput,
    options?: Omit<FlagOptions, 'fallback'> & { readonly fallback?: Json },
  ): Promise<Evaluation>
  /** All flags of somebody, to hand to a page, without an exposure; empty while the source is away. */
  evaluateFlags(
    subject: SubjectInput,
    options?: Omit<FlagOptions, 'fallback'>,
  ): Promise<ReadonlyMap<string, Evaluation>>
  /** Records that somebody met a value that was evaluated before; once for a person, a flag and a value. */
  expose(subject: Subject, flag: string, evaluation: Evaluation, options?: RecordOptions): void
  /** Health of the flag source, which is apart from that of the sinks. `undefined` where there is none. */
  readonly flagService: Service | undefined
  /** Counts, as dropped, what was lost before it came here: calls that a page could not keep. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  /** Sends what is queued at once, because the page is being left: synchronously, as far as the browser lets it. */
  leave(budgetMs: number): void
  /** The sum over the drivers. At every instant `accepted = delivered + dropped + queued + inFlight`. */
  stats(): DeliveryStats
  /** The same for each driver, by its name; a second one of that name has its place behind it: `posthog (2)`. */
  sinks(): ReadonlyMap<string, DeliveryStats>
}
