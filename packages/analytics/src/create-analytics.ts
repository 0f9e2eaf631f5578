import {
  createOutbox,
  createRedactor,
  currentContext,
  deadline,
  emit,
  systemClock,
  toError,
  validate,
  ValidationError,
  type Clock,
  type Health,
  type OutboxStats,
  type RedactOptions,
  type Service,
  type StandardSchema,
} from '@msc/core'
import type { AnalyticsDriver, AnalyticsEvent, FlagResult, FlagValue } from './driver.ts'

/** Event name → schema of its properties. */
export type Catalogue = Readonly<Record<string, StandardSchema<unknown, Record<string, unknown>>>>

export interface AnalyticsOptions {
  readonly driver: AnalyticsDriver
  /** With one, an event that it does not name or whose properties do not fit is refused. */
  readonly catalogue?: Catalogue
  readonly redact?: RedactOptions
  /** Milliseconds an event waits for others at most. Default 500. */
  readonly flushIntervalMs?: number
  /** Events in one delivery. Default 100. */
  readonly batchSize?: number
  /** Events held while the backend is away. Default 10 000. */
  readonly maxQueue?: number
  /** Milliseconds for one delivery. Default 5 000. */
  readonly timeoutMs?: number
  /** Milliseconds for a flag evaluation that waits for the backend. Default 1 000. */
  readonly flagTimeoutMs?: number
  readonly clock?: Clock
  /** Told how many events were lost, and why. */
  readonly onDrop?: (count: number, reason: string) => void
}

export interface FlagOptions {
  readonly properties?: Readonly<Record<string, unknown>>
  /** The value while the backend is away or does not know the flag. Default `false`. */
  readonly fallback?: FlagValue
}

export interface Analytics extends Service {
  readonly concern: 'analytics'
  /**
   * Accepts an event; resolves as soon as it is queued, which takes microseconds. It is delivered within
   * `flushIntervalMs`. Never rejects for a backend that is away: the queue is bounded, and what it drops is counted.
   *
   * @throws ValidationError when a catalogue refuses it; nothing is queued.
   */
  track(distinctId: string, event: string, properties?: Record<string, unknown>): Promise<void>
  /** Sets properties of the person. */
  identify(distinctId: string, properties?: Record<string, unknown>): Promise<void>
  /** `fallback` while the backend is away. Records the exposure. */
  getFeatureFlag(flag: string, distinctId: string, options?: FlagOptions): Promise<FlagValue>
  /** Is the flag on, or in any variant? */
  isFeatureEnabled(flag: string, distinctId: string, options?: FlagOptions): Promise<boolean>
  /** Events accepted, delivered and dropped since the start. */
  stats(): OutboxStats
}

export function createAnalytics(options: AnalyticsOptions): Analytics {
  const { driver, catalogue, clock = systemClock, batchSize = 100, timeoutMs = 5000 } = options
  const { flushIntervalMs = 500, maxQueue = 10_000, flagTimeoutMs = 1000 } = options
  const clean = createRedactor(options.redact)
  const outbox = createOutbox<AnalyticsEvent>({
    concern: 'analytics',
    driver: driver.name,
    send: (events, signal) => driver.send(events, signal),
    flushIntervalMs,
    batchSize,
    maxQueue,
    timeoutMs,
    clock,
    onDrop: options.onDrop,
  })

  const accept = (distinctId: string, event: string, properties: Record<string, unknown>): void => {
    const context = currentContext()
    const entry: AnalyticsEvent = {
      id: crypto.randomUUID(),
      event,
      distinctId,
      timestamp: clock.now(),
      properties: clean({ ...properties, ...(context && { $trace_id: context.trace.traceId }) }),
    }
    emit('analytics.track', { event, outcome: outbox.push(entry) ? 'ok' : 'dropped' })
  }

  const flags = async (
    distinctId: string,
    properties: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, FlagResult>> => {
    const evaluate = driver.evaluateFlags?.bind(driver)
    if (!evaluate) return {}
    try {
      return await outbox.breaker.run(() =>
        deadline((signal) => evaluate({ distinctId, properties }, signal), {
          operation: `[msc/analytics] [${driver.name}] flags`,
          timeoutMs: flagTimeoutMs,
          clock,
        }),
      )
    } catch {
      return {}
    }
  }

  const self: Analytics = {
    concern: 'analytics',
    driverName: driver.name,
    async track(distinctId, event, properties = {}) {
      check(distinctId, event)
      const schema = catalogue?.[event]
      if (catalogue && !schema) {
        throw new ValidationError(`[msc/analytics] The catalogue has no event ${JSON.stringify(event)}.`, [], {
          code: 'ANALYTICS_EVENT_UNKNOWN',
          hint: 'Add it to the catalogue, with a schema for its properties.',
        })
      }
      accept(distinctId, event, schema ? await validate(schema, properties, `Properties of ${event}`) : properties)
    },
    async identify(distinctId, properties = {}) {
      check(distinctId, '$identify')
      accept(distinctId, '$identify', { $set: properties })
    },
    async getFeatureFlag(flag, distinctId, { properties = {}, fallback = false } = {}) {
      check(distinctId, flag)
      const found = (await flags(distinctId, properties))[flag]
      const value = found?.value ?? fallback
      emit('flags.evaluate', { flag, value: String(value), reason: found?.reason ?? 'fallback' })
      if (found) accept(distinctId, '$feature_flag_called', { $feature_flag: flag, $feature_flag_response: value })
      return value
    },
    async isFeatureEnabled(flag, distinctId, flagOptions) {
      return (await self.getFeatureFlag(flag, distinctId, flagOptions)) !== false
    },
    stats: outbox.stats,
    async health({ timeoutMs: budget = 2000 } = {}): Promise<Health> {
      const from = clock.monotonic()
      const base = { concern: 'analytics', driver: driver.name, stats: { ...self.stats() } }
      try {
        await deadline((signal) => driver.health(signal), {
          operation: '[msc/analytics] health',
          timeoutMs: budget,
          clock,
        })
        return {
          ...base,
          status: outbox.breaker.state === 'closed' ? 'ready' : 'degraded',
          latencyMs: clock.monotonic() - from,
        }
      } catch (error) {
        return { ...base, status: 'down', latencyMs: clock.monotonic() - from, detail: toError(error).message }
      }
    },
    flush: ({ timeoutMs: budget = 5000 } = {}) => outbox.flush(budget),
    async close() {
      await outbox.close(5000)
      await driver.close()
    },
  }
  return self
}

function check(distinctId: string, event: string): void {
  if (typeof distinctId === 'string' && distinctId !== '' && typeof event === 'string' && event !== '') return
  throw new ValidationError('[msc/analytics] distinctId and name must be non-empty strings.', [], {
    code: 'ANALYTICS_INVALID',
  })
}
