import { systemClock } from './clock.ts'
import { currentContext } from './context.ts'
import { toError } from './errors.ts'

export type AttributeValue = string | number | boolean | undefined

/**
 * The operations that concerns report, and their attributes. A package that adds one declares it here by
 * `declare module '@msc/core' { interface Operations { … } }`, or in its own source if it is one of the six.
 */
export interface Operations {
  'http.request': { method: string; route: string; status: number }
  'cache.get': { key: string; outcome: 'hit' | 'miss' | 'stale' | 'error'; tier?: string }
  'cache.set': { key: string; outcome: 'ok' | 'error' }
  'cache.delete': { pattern: string; count: number; outcome: 'ok' | 'error' }
  'cache.load': { key: string; outcome: 'ok' | 'error' }
  'rate-limit.check': { id: string; outcome: 'allowed' | 'denied' | 'error' }
  'jobs.send': { event: string; outcome: 'ok' | 'error' }
  'jobs.run': {
    job: string
    runId: string
    outcome: 'completed' | 'failed' | 'cancelled' | 'retrying' | 'parked'
    error?: string
  }
  'jobs.step': {
    job: string
    runId: string
    step: string
    attempt: number
    outcome: 'ok' | 'error' | 'rolled-back'
    error?: string
  }
  'realtime.publish': { topic: string; event: string; outcome: 'ok' | 'error' }
  'realtime.receive': { topic: string; event: string }
  'realtime.gap': { topic: string }
  'analytics.track': { event: string; outcome: 'ok' | 'dropped' }
  'flags.evaluate': { flag: string; value: string; reason: string }
  'monitoring.capture': { fingerprint: string; outcome: 'ok' | 'dropped' }
  'cron.run': { job: string; scheduledAt: number; outcome: 'ok' | 'error' | 'skipped'; error?: string }
  'driver.drop': { concern: string; driver: string; reason: string; count: number }
  'driver.breaker': { concern: string; driver: string; state: string }
}

export type OperationName = keyof Operations

/** One finished operation. */
export type TelemetryEvent = {
  [Name in OperationName]: {
    readonly name: Name
    /** Wall time of the start, milliseconds since the epoch. */
    readonly startedAt: number
    /** Milliseconds; 0 for something that happened rather than took time. */
    readonly durationMs: number
    readonly traceId?: string
    readonly spanId?: string
    /** The span this one happened in. */
    readonly parentSpanId?: string
    readonly userId?: string
    readonly attributes: Readonly<Operations[Name]>
  }
}[OperationName]

export type TelemetryListener = (event: TelemetryEvent) => void

const KEY = Symbol.for('@msc/core/telemetry')

// The set is made once and never replaced, so each copy of this module may remember it: hot paths ask on every call.
let shared: Set<TelemetryListener> | undefined

function listeners(): Set<TelemetryListener> {
  const globals = globalThis as { [KEY]?: Set<TelemetryListener> }
  return (shared ??= globals[KEY] ??= new Set())
}

/** Hears every operation of this process. A listener must be quick and synchronous; what it throws is dropped. */
export function onTelemetry(listener: TelemetryListener): () => void {
  listeners().add(listener)
  return () => listeners().delete(listener)
}

/** Is anybody listening? Lets a hot path skip building attributes. */
export function telemetryEnabled(): boolean {
  return listeners().size > 0
}

/**
 * Reports an operation. Costs a set lookup when nobody listens, and never throws.
 *
 * @param startedMonotonic `clock.monotonic()` at the start; leave it out for a point in time.
 */
export function emit<Name extends OperationName>(
  name: Name,
  attributes: Operations[Name],
  startedMonotonic?: number,
): void {
  const all = listeners()
  if (all.size === 0) return
  const durationMs = startedMonotonic === undefined ? 0 : Math.max(0, systemClock.monotonic() - startedMonotonic)
  const context = currentContext()
  const event = {
    name,
    startedAt: systemClock.now() - durationMs,
    durationMs,
    ...(context && { traceId: context.trace.traceId, parentSpanId: context.trace.spanId }),
    ...(context?.userId !== undefined && { userId: context.userId }),
    attributes,
  } as TelemetryEvent
  for (const listener of all) {
    try {
      listener(event)
    } catch (error) {
      reportListenerFailure(toError(error))
    }
  }
}

let reported = false
function reportListenerFailure(error: Error): void {
  // Once: a listener that throws on every cache hit must not also flood the console.
  if (reported) return
  reported = true
  console.error('[msc/core] A telemetry listener threw; told once.', error)
}
