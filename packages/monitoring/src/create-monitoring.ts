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
  withBudgets,
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
  /** One backend, or several: each has an outbox and a breaker of its own. */
  readonly driver: MonitoringDriver | readonly MonitoringDriver[]
  readonly release?: string | undefined
  readonly environment?: string | undefined
  /** In addition to what `configureRedaction` of @msc/core says for the whole process. */
  readonly redact?: RedactOptions
  /** Breadcrumbs kept for one unit of work, and sent with an event. Default and maximum 100. */
  readonly maxBreadcrumbs?: number
  /** Signals held for one driver while its backend is away. Default 500. */
  readonly maxQueue?: number
  /** Bytes held for one driver, what is on the wire included. Default 8 MiB. */
  readonly maxQueueBytes?: number
  /** Milliseconds a signal waits for others at most. Default 20: an error is worth a request of its own. */
  readonly flushIntervalMs?: number
  /** Milliseconds for one delivery. Default 5 000. */
  readonly timeoutMs?: number
  /** Operations of the other concerns as breadcrumbs. Default true. */
  readonly telemetry?: boolean
  /**
   * Report what nothing caught, and deliver before the process ends, however it ends. Default false here, true for the
   * default instance. Where the application has listeners of its own for an error or a signal, ending is left to them.
   */
  readonly processEnd?: boolean
  readonly clock?: Clock
  readonly random?: () => number
  /** Told what was lost, of which kind and why. */
  readonly onDrop?: (drop: SignalDrop) => unknown
  /** Told of what fails where nobody waits. Default: the reporter of the process, else the console. */
  readonly onError?: ErrorReporter
}

export interface CaptureContext {
  readonly tags?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly extra?: Readonly<Record<string, unknown>>
  readonly user?: MonitoredUser
  readonly level?: Level
  /** Groups this event with others of the same; default: type, message without its variables, and thrower. */
  readonly fingerprint?: string
  /** Did something catch it? Default true. */
  readonly handled?: boolean
  /** Milliseconds since the epoch, when it happened; default now. */
  readonly timestamp?: number
  /**
   * What came before, where somebody else knows better than this process, such as the steps of a job: they take the place
   * of those of the same category, and stand among the others by their time.
   */
  readonly breadcrumbs?: readonly Breadcrumb[]
}

export interface Monitoring extends Service {
  readonly concern: 'monitoring'
  /**
   * Reports an error; delivered in the background. The same error object is reported once, however often it is caught.
   * Never throws, whatever it is given.
   *
   * @returns The event's id, to show to a person; the first one for an error that was reported before.
   */
  captureException(error: unknown, context?: CaptureContext): string
  /** As {@link captureException}, for a message. Default level `info`. */
  captureMessage(message: string, level?: Level, context?: CaptureContext): string
  /**
   * Kept with the running unit of work, and sent with its next event: the newest 100, and of these the newest that have
   * 200 000 bytes of JSON together. Never throws.
   */
  addBreadcrumb(
    message: string,
    category?: string,
    data?: Record<string, unknown>,
    options?: {
      readonly level?: Level
      readonly timestamp?: number
      /** Characters of the message that are kept, once it was redacted. Default and maximum 10 000. */
      readonly maxLength?: number
    },
  ): void
  /**
   * Who the running unit of work acts for; `null` for nobody, whatever the trace says. A unit is opened by a route, a job
   * and a cron job of these packages, and by `withScope`; outside of any it holds for the whole process.
   */
  setUser(user: MonitoredUser | null): void
  /** A tag of the running unit of work's events; `undefined` takes it back. */
  setTag(name: string, value: string | number | boolean | undefined): void
  /** Counts, as dropped, what was lost before it came here: calls that a page could not keep. */
  drop(kind: string, count: number, reason: DropReason, detail?: string): void
  /** Sends what is queued at once, because the page is being left: synchronously, as far as the browser lets it. */
  leave(budgetMs: number): void
  /** The sum over the drivers. At every instant `accepted = delivered + dropped + queued + inFlight`. */
  stats(): DeliveryStats
  /** The same for each driver, by its name. */
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

/** The least that each option may be. */
const NUMBERS = { maxBreadcrumbs: 0, maxQueue: 1, maxQueueBytes: 1, flushIntervalMs: 0, timeoutMs: 1 } as const

/** @throws ConfigError for a driver that does not keep the contract or is missing, and for a number that is none. */
export function createMonitoring(options: MonitoringOptions): Monitoring {
  const { clock = systemClock, release, environment } = options
  const maxBreadcrumbs = Math.min(options.maxBreadcrumbs ?? MAX_BREADCRUMBS, MAX_BREADCRUMBS)
  const drivers = assertDrivers(CONTRACT, options.driver)
  assertNumbers('monitoring', options, NUMBERS)
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
    const event = buildOrApologise({ ...captured, id, now: clock.now() })
    // Not `every`, which would stop at the first that has no room.
    const kept = sinks.map((sink) => sink.push(event))
    // What nobody had room for is to be captured again by whoever meets it next.
    if (isKept && !kept.includes(true)) reported.delete(what)
    emit('monitoring.capture', {
      fingerprint: event.fingerprint,
      outcome: kept.includes(false) ? 'dropped' : 'ok',
    })
    return id
  }
  const buildOrApologise = (captured: Captured): ErrorSignal | MessageSignal => {
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
    ...withBudgets(service),
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
      // Redacted once, here: what the caller changes later must not change what happened.
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
      // Plain before it is kept: what can't be read would be met again at each event of this unit.
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

/** The event without anything of what it was given, none of which could be read. */
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
