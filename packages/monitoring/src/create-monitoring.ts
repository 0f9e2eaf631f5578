import {
  createOutbox,
  createRedactor,
  currentContext,
  deadline,
  emit,
  onTelemetry,
  randomHex,
  systemClock,
  toError,
  type Clock,
  type Health,
  type OutboxStats,
  type RedactOptions,
  type Service,
  type TelemetryEvent,
} from '@msc/core'
import type { Breadcrumb, Level, MonitoredUser, MonitoringDriver, MonitoringEvent } from './driver.ts'
import { errorValues } from './error-values.ts'
import { fingerprintOf } from './fingerprint.ts'
import { createScopes, mergeBreadcrumbs } from './scopes.ts'

export interface MonitoringOptions {
  readonly driver: MonitoringDriver
  readonly release?: string | undefined
  readonly environment?: string | undefined
  readonly redact?: RedactOptions
  /** Breadcrumbs kept for one trace. Default 100. */
  readonly maxBreadcrumbs?: number
  /** Traces whose breadcrumbs are kept at once. Default 1 000. */
  readonly maxTraces?: number
  /** Events held while the backend is away. Default 500. */
  readonly maxQueue?: number
  /** Milliseconds an event waits for others at most. Default 20: an error is worth a request of its own. */
  readonly flushIntervalMs?: number
  /** Milliseconds for one delivery. Default 5 000. */
  readonly timeoutMs?: number
  /** Operations of the other concerns as breadcrumbs. Default true. */
  readonly telemetry?: boolean
  readonly clock?: Clock
  /** Told how many events were lost, and why. */
  readonly onDrop?: (count: number, reason: string) => void
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
  /** Kept with the running trace, the newest 100, and sent with its next event. */
  addBreadcrumb(
    message: string,
    category?: string,
    data?: Record<string, unknown>,
    options?: { readonly level?: Level; readonly timestamp?: number },
  ): void
  /** Who the running trace acts for; `null` forgets. */
  setUser(user: MonitoredUser | null): void
  stats(): OutboxStats
}

export function createMonitoring(options: MonitoringOptions): Monitoring {
  const { driver, clock = systemClock, release, environment, maxBreadcrumbs = 100, maxTraces = 1000 } = options
  const clean = createRedactor(options.redact)
  const scopes = createScopes(maxTraces, maxBreadcrumbs)
  const reported = new WeakMap<object, string>()
  const outbox = createOutbox<MonitoringEvent>({
    concern: 'monitoring',
    driver: driver.name,
    send: (events, signal) => driver.send(events, signal),
    flushIntervalMs: options.flushIntervalMs ?? 20,
    batchSize: 20,
    maxQueue: options.maxQueue ?? 500,
    timeoutMs: options.timeoutMs ?? 5000,
    clock,
    onDrop: options.onDrop,
  })
  const stopListening =
    options.telemetry === false
      ? () => undefined
      : onTelemetry((event) => {
          if (event.traceId !== undefined) scopes.add(scopes.of(event.traceId), telemetryBreadcrumb(event))
        })

  const capture = (kind: MonitoringEvent['kind'], what: unknown, level: Level, context: CaptureContext): string => {
    const known = kind === 'error' && isObject(what) ? reported.get(what) : undefined
    if (known !== undefined) return known
    const id = randomHex(16)
    try {
      if (kind === 'error' && isObject(what)) reported.set(what, id)
      const errors = kind === 'error' ? errorValues(what) : []
      const first = errors[0] ?? { name: 'Message', message: String(what) }
      const running = currentContext()
      const scope = scopes.current()
      const user = context.user ?? scope.user ?? (running?.userId === undefined ? undefined : { id: running.userId })
      const event: MonitoringEvent = {
        id,
        kind,
        timestamp: context.timestamp ?? clock.now(),
        level: context.level ?? level,
        message: first.message,
        errors,
        handled: context.handled ?? true,
        tags: tagsOf(what, context.tags),
        extra: context.extra ?? {},
        ...(user && { user }),
        ...(running && { traceId: running.trace.traceId, spanId: running.trace.spanId }),
        fingerprint: context.fingerprint ?? fingerprintOf(first),
        fingerprintChosen: context.fingerprint !== undefined,
        ...(release !== undefined && { release }),
        ...(environment !== undefined && { environment }),
        breadcrumbs: context.breadcrumbs
          ? mergeBreadcrumbs(scope.breadcrumbs, context.breadcrumbs, maxBreadcrumbs)
          : [...scope.breadcrumbs],
      }
      // Ids and groups are ours, and 32 hex digits that happen to look like a card number must survive the rules.
      const { id: _id, traceId, spanId, fingerprint, ...rest } = event
      const redacted = {
        ...clean(rest),
        id,
        fingerprint,
        ...(traceId && { traceId }),
        ...(spanId && { spanId }),
      } as MonitoringEvent
      emit('monitoring.capture', { fingerprint, outcome: outbox.push(redacted) ? 'ok' : 'dropped' })
    } catch {
      // Whoever reports an error is in trouble already; a second one must not come from here.
      outbox.drop(1, 'unreadable')
    }
    return id
  }

  return {
    concern: 'monitoring',
    driverName: driver.name,
    captureException: (error, context = {}) => capture('error', error, 'error', context),
    captureMessage: (message, level = 'info', context = {}) => capture('message', message, level, context),
    addBreadcrumb(message, category = 'default', data, { level = 'info', timestamp = clock.now() } = {}) {
      // Redacted here as well: what the caller changes later must not change what happened.
      scopes.add(scopes.current(), { timestamp, category, message, level, ...(data && { data: clean(data) }) })
    },
    setUser(user) {
      scopes.current().user = user ?? undefined
    },
    stats: outbox.stats,
    async health({ timeoutMs: budget = 2000 } = {}): Promise<Health> {
      const from = clock.monotonic()
      const base = { concern: 'monitoring', driver: driver.name, stats: { ...outbox.stats() } }
      try {
        await deadline((signal) => driver.health(signal), {
          operation: '[msc/monitoring] health',
          timeoutMs: budget,
          clock,
        })
        const status = outbox.breaker.state === 'closed' ? 'ready' : 'degraded'
        return { ...base, status, latencyMs: clock.monotonic() - from }
      } catch (error) {
        return { ...base, status: 'down', latencyMs: clock.monotonic() - from, detail: toError(error).message }
      }
    },
    flush: ({ timeoutMs: budget = 5000 } = {}) => outbox.flush(budget),
    async close() {
      stopListening()
      await outbox.close(5000)
      await driver.close()
    },
  }
}

function telemetryBreadcrumb(event: TelemetryEvent): Breadcrumb {
  const { name, startedAt, durationMs, attributes } = event
  const outcome = (attributes as { outcome?: unknown }).outcome
  const subject = Object.values(attributes).find((value) => typeof value === 'string' && value !== outcome)
  return {
    timestamp: startedAt,
    category: name,
    message: [subject, outcome].filter((part) => part !== undefined).join(' → ') || name,
    level: outcome === 'error' || outcome === 'failed' ? 'warning' : 'info',
    data: durationMs > 0 ? { ...attributes, durationMs: Math.round(durationMs * 100) / 100 } : { ...attributes },
  }
}

function tagsOf(what: unknown, tags: CaptureContext['tags']): Record<string, string> {
  const out: Record<string, string> = {}
  for (const [name, value] of Object.entries(tags ?? {})) if (value !== undefined) out[name] = String(value)
  const code = isObject(what) ? (what as { code?: unknown }).code : undefined
  if (typeof code === 'string' && out['code'] === undefined) out['code'] = code
  return out
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
