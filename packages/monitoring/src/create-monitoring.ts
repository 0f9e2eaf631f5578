import {
  MAX_BREADCRUMBS,
  assertDrivers,
  assertNumbers,
  createService,
  currentScope,
  emit,
  processScope,
  randomHex,
  systemClock,
  type Clock,
  type DriverContract,
  type ErrorReporter,
  type RedactOptions,
  type Service,
} from '@msc/core'
import {
  atProcessEnd,
  describeLimits,
  driversAsOne,
  sinksAsOne,
  sinkShape,
  sumOfSinks,
  worstBreaker,
  type DeliveryStats,
  type DropReason,
} from '@msc/core/delivery'
import { buildEvent, type Captured } from './event/build-event.ts'
import type { MonitoringDriver } from './driver.ts'
import type { Breadcrumb, ErrorSignal, Level, MessageSignal, MonitoredUser } from './signals.ts'
import { createEventCleaner } from './event/event-cleaner.ts'
import { keepWithin } from './event/keep-within.ts'
import { isLevel, readContext } from './event/read-context.ts'
import { readUser } from './event/read-user.ts'
import { isObject, property, readText } from './event/safe-read.ts'
import { recordOperations } from './event/record-operations.ts'
import { createSink, type Sink, type SignalDrop } from './sinks.ts'

export interface MonitoringOptions {
  /** One backend or several. Each has an outbox and a breaker of its own. */
  readonly driver: MonitoringDriver | readonly MonitoringDriver[]
  readonly release?: string | undefined
  readonly environment?: string | undefined
  /** Redaction rules in addition to those of `configureRedaction` of @msc/core for the whole process. */
  readonly redact?: RedactOptions
  /** The number of breadcrumbs to keep for one unit of work and send with an event. Default and maximum 100. */
  readonly maxBreadcrumbs?: number
  /** The number of signals to hold for one driver while its backend is unavailable. Default 500. */
  readonly maxQueue?: number
  /** The number of bytes to hold for one driver, including those on the wire. Default 8 MiB. */
  readonly maxQueueBytes?: number
  /** Milliseconds that a signal waits for others at most. Default 20, since an error is worth a request of its own. */
  readonly flushIntervalMs?: number
  /** Milliseconds for one delivery. Default 5 000. */
  readonly timeoutMs?: number
  /** Records operations of the other concerns as breadcrumbs. Default true. */
  readonly telemetry?: boolean
  /**
   * Reports uncaught errors and delivers before the process ends, however it ends. Default false here, true for the default
   * instance. If the application has its own listeners for an error or a signal, they decide whether the process ends.
   */
  readonly processEnd?: boolean
  readonly clock?: Clock
  readonly random?: () => number
  /** Called with each loss, its kind and its reason. */
  readonly onDrop?: (drop: SignalDrop) => unknown
  /** Called with failures that nobody awaits. Default: the process-wide reporter, else the console. */
  readonly onError?: ErrorReporter
}

export interface CaptureContext {
  readonly tags?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly extra?: Readonly<Record<string, unknown>>
  readonly user?: MonitoredUser
  readonly level?: Level
  /**
   * Groups this event with others that have the same fingerprint. Default: one of the error's type, its message without
   * variable parts, and the function that threw.
   */
  readonly fingerprint?: string
  /** False if nothing caught the error. Default true. */
  readonly handled?: boolean
  /** The time at which it happened, in milliseconds since the epoch. Default: now. */
  readonly timestamp?: number
  /**
   * Breadcrumbs from a source that knows more than this process, such as the steps of a job. They replace recorded ones of
   * the same categories, and are merged with the others by time.
   */
  readonly breadcrumbs?: readonly Breadcrumb[]
}

export interface Monitoring extends Service {
  readonly concern: 'monitoring'
  /**
   * Reports an error, which is delivered in the background. The same error object is reported once however often it is
   * caught. Never throws, whatever the arguments are.
   *
   * @returns The event's id, which may be shown to a user. For an error that was reported before, the id of that event.
   */
  captureException(error: unknown, context?: CaptureContext): string
  /** Reports a message, like {@link captureException}. Default level `info`. */
  captureMessage(message: string, level?: Level, context?: CaptureContext): string
  /**
   * Adds a breadcrumb to the running unit of work, to be sent with its next event. A unit keeps the newest 100, and of those
   * the newest with 200 000 bytes of JSON in total. Never throws.
   */
  addBreadcrumb(
    message: string,
    category?: string,
    data?: Record<string, unknown>,
    options?: {
      readonly level?: Level
      readonly timestamp?: number
      /** The number of characters to keep of the redacted message. Default and maximum 10 000. */
      readonly maxLength?: number
    },
  ): void
  /**
   * Sets the user of the running unit of work; `null` for none, whatever the trace says. Routes, jobs and cron jobs of these
   * packages and `withScope` open a unit. Outside any unit the user applies to the whole process.
   */
  setUser(user: MonitoredUser | null): void
  /** Sets a tag for events of the running unit of work; `undefined` removes it. */
  setTag(name: string, value: string | number | boolean | undefined): void
  /** Counts losses that happened earlier as drops, such as calls that a page had no room for. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  /** Sends queued events because the page is being left: synchronously, as far as the browser's limits allow. */
  leave(budgetMs: number): void
  /** Returns the sum over all drivers. At every instant `accepted = delivered + dropped + queued + inFlight`. */
  stats(): DeliveryStats
  /** Returns the same for each driver, by its name. */
  sinks(): ReadonlyMap<string, DeliveryStats>
}

const CONTRACT: DriverContract<MonitoringDriver> = {
  concern: 'monitoring',
  version: 1,
  methods: ['send'],
  optional: ['sendSync', 'leavingMaxBytes'],
  shape: sinkShape,
}

const MAX_MESSAGE = 10_000
const MAX_CATEGORY = 200

/** The smallest allowed value of each option. */
const NUMBERS = { maxBreadcrumbs: 0, maxQueue: 1, maxQueueBytes: 1, flushIntervalMs: 0, timeoutMs: 1 } as const

/**
 * Makes the engine over one driver or several.
 *
 * @throws ConfigError for a missing driver, one that violates the contract, or an option that is not a valid number.
 */
export function createMonitoring(options: MonitoringOptions): Monitoring {
  assertNumbers('monitoring', options, NUMBERS)
  const { clock = systemClock, release, environment } = options
  const maxBreadcrumbs = Math.min(options.maxBreadcrumbs ?? MAX_BREADCRUMBS, MAX_BREADCRUMBS)
  const drivers = assertDrivers(CONTRACT, options.driver)
  const clean = createEventCleaner(options.redact)
  const reported = new WeakMap<object, string>()
  const sinks: readonly Sink[] = drivers.map((driver) =>
    createSink(driver, {
      maxQueue: options.maxQueue ?? 500,
      maxQueueBytes: options.maxQueueBytes,
      flushIntervalMs: options.flushIntervalMs ?? 20,
      timeoutMs: options.timeoutMs ?? 5000,
      clock,
      random: options.random,
      newId: () => randomHex(16),
      onDrop: options.onDrop,
      onError: (error, { operation, ...details }) => report(error, operation, details),
    }),
  )
  const flushAll = (budgetMs: number): Promise<unknown> => Promise.all(sinks.map((sink) => sink.flush(budgetMs)))
  const endings: (() => void)[] = []
  const { service, report } = createService({
    concern: 'monitoring',
    driver: driversAsOne(drivers),
    clock,
    onError: options.onError,
    breaker: worstBreaker(sinks),
    degraded: () => describeLimits(sinks, clock),
    stats: () => ({ ...sumOfSinks(sinks) }),
    flush: flushAll,
    async close(budgetMs) {
      for (const end of endings.splice(0)) end()
      await Promise.all(sinks.map((sink) => sink.close(budgetMs)))
    },
  })

  const capture = (captured: Omit<Captured, 'id' | 'now'>): string => {
    const { kind, what } = captured
    const isKept = kind === 'error' && isObject(what)
    const known = isKept ? reported.get(what) : undefined
    if (known !== undefined) return known
    const id = randomHex(16)
    if (isKept) reported.set(what, id)
    const event = buildSafely({ ...captured, id, now: clock.now() })
    // `map` reaches every sink; `every` would stop at the first one without room.
    const kept = sinks.map((sink) => sink.push(event))
    // If no sink had room, the next caller that catches the error must be able to report it.
    if (isKept && !kept.includes(true)) reported.delete(what)
    emit('monitoring.capture', {
      fingerprint: event.fingerprint,
      outcome: kept.includes(false) ? 'dropped' : 'ok',
    })
    return id
  }
  const buildSafely = (captured: Captured): ErrorSignal | MessageSignal => {
    try {
      return buildEvent(captured, { clean, maxBreadcrumbs, release, environment })
    } catch (error) {
      report(error, 'build an event')
      return unreadable(captured, release, environment)
    }
  }
  const scopeNow = (): ReturnType<typeof processScope> => currentScope() ?? processScope()

  if (options.telemetry !== false) {
    endings.push(recordOperations({ clean: clean.details, maxBreadcrumbs }))
  }
  if (options.processEnd) {
    endings.push(
      atProcessEnd({
        flush: async (budgetMs) => void (await flushAll(budgetMs)),
        lastWords() {
          for (const sink of sinks) sink.lastWords()
        },
        onFatal: (error) => void capture({ kind: 'error', what: error, level: 'fatal', context: { handled: false } }),
      }),
    )
  }

  return {
    ...service,
    captureException: (error, context) =>
      capture({ kind: 'error', what: error, level: 'error', context: readContext(context) }),
    captureMessage: (message, level, context) =>
      capture({
        kind: 'message',
        what: message,
        level: isLevel(level) ? level : 'info',
        context: readContext(context),
      }),
    addBreadcrumb(message, category = 'default', data, options) {
      const { level = 'info', timestamp = clock.now() } = readContext(options)
      const maxLength = property(options, 'maxLength')
      // Redacted here, which makes a copy: later changes by the caller must not change the breadcrumb.
      const plain = clean.details(isObject(data) ? data : undefined)
      keepWithin(
        scopeNow(),
        {
          timestamp,
          category: clean.text(readText(category), MAX_CATEGORY),
          message: clean.text(readText(message), typeof maxLength === 'number' ? maxLength : MAX_MESSAGE),
          level,
          ...(isObject(plain) && { data: plain }),
        },
        maxBreadcrumbs,
      )
    },
    setUser(user) {
      // Made plain data before it is kept, so that an unreadable user does not cause errors at each event of this unit.
      scopeNow().user = user === null ? null : readUser(user, clean.identity)
    },
    setTag(name, value) {
      const { tags } = scopeNow()
      if (value === undefined) tags.delete(readText(name))
      else tags.set(readText(name), readText(value))
    },
    ...sinksAsOne(sinks),
  }
}

/** Makes an event without any of the captured data, which could not be read. */
function unreadable(
  { id, now, level }: Captured,
  release: string | undefined,
  environment: string | undefined,
): MessageSignal {
  return {
    kind: 'message',
    id,
    timestamp: now,
    level,
    message: '[unreadable]',
    tags: {},
    extra: {},
    fingerprint: 'unreadable',
    fingerprintChosen: true,
    breadcrumbs: [],
    ...(release !== undefined && { release }),
    ...(environment !== undefined && { environment }),
  }
}
