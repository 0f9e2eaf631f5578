import { systemClock } from './clock.ts'
import { currentContext, withContext } from './context.ts'
import { reportFailure } from './failures.ts'
import { randomHex } from './ids.ts'
import type { OperationName, Operations, TelemetryEvent } from './operations.ts'
import { processSlot } from './slot.ts'
import { newTrace, type TraceContext } from './trace.ts'

export type TelemetryListener = (event: TelemetryEvent) => void

export interface ListenOptions {
  /** Only these operations; a name that ends in `*` stands for all that begin so (`cache.*`). Default: all. */
  readonly names?: readonly (OperationName | `${string}*`)[]
}

interface Subscription {
  readonly listener: TelemetryListener
  readonly names: ReadonlySet<string> | undefined
  readonly prefixes: readonly string[]
  /** A listener that threw; told once, or one that fails on every cache hit would flood the console. */
  failed: boolean
}

interface Slot {
  readonly all: Set<Subscription>
  /** Who hears an operation, by its name; forgotten when somebody comes or goes. */
  readonly byName: Map<string, readonly Subscription[]>
}

// The slot is filled once and never again, so each copy of this module may remember it: hot paths ask on every call.
let remembered: Slot | undefined

function slot(): Slot {
  return (remembered ??= processSlot('core/telemetry', () => ({ all: new Set(), byName: new Map() })))
}

/** Hears operations of this process as they end. A listener must be quick and synchronous; what it throws is reported once. */
export function onTelemetry(listener: TelemetryListener, options: ListenOptions = {}): () => void {
  const { all, byName } = slot()
  const subscription = subscriptionOf(listener, options)
  all.add(subscription)
  byName.clear()
  return () => {
    all.delete(subscription)
    byName.clear()
  }
}

function subscriptionOf(listener: TelemetryListener, { names }: ListenOptions): Subscription {
  const exact = names?.filter((name) => !name.endsWith('*'))
  const prefixes = names?.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)) ?? []
  return { listener, names: exact && new Set<string>(exact), prefixes, failed: false }
}

/** Names come from code, so there are few; the bound is for a caller that makes them up. */
const MAX_NAMES = 1000
const NOBODY: readonly Subscription[] = []

function hearers(name: string): readonly Subscription[] {
  const { all, byName } = slot()
  if (all.size === 0) return NOBODY
  const known = byName.get(name)
  if (known) return known
  const found = [...all].filter(
    ({ names, prefixes }) => !names || names.has(name) || prefixes.some((prefix) => name.startsWith(prefix)),
  )
  if (byName.size < MAX_NAMES) byName.set(name, found)
  return found
}

/** Is anybody listening, to `name` if it is given? Lets a hot path skip building attributes. */
export function telemetryEnabled(name?: OperationName): boolean {
  return name === undefined ? slot().all.size > 0 : hearers(name).length > 0
}

/**
 * Reports an operation that has ended, as a span of its own in the running one. Costs a look-up when nobody listens, and
 * never throws.
 *
 * @param startedMonotonic `systemClock.monotonic()` at the start; leave it out for a point in time.
 */
export function emit<Name extends OperationName>(
  name: Name,
  attributes: Operations[Name],
  startedMonotonic?: number,
): void {
  const heard = hearers(name)
  if (heard.length === 0) return
  tell(heard, name, attributes, startedMonotonic, undefined)
}

/** An operation under way: see {@link startOperation}. */
export interface Operation<Name extends OperationName> {
  /** Runs a part of it: operations that happen meanwhile become its children. */
  run<T>(fn: () => T): T
  /** Reports it; the first call decides. */
  end(attributes: Operations[Name]): void
}

/**
 * Begins an operation that others happen inside of. It gets its span id now, so that they can name it as their parent.
 * Outside of any trace it begins one where somebody listens.
 */
export function startOperation<Name extends OperationName>(name: Name): Operation<Name> {
  if (hearers(name).length === 0) return { run: (fn) => fn(), end: () => undefined }
  const outer = currentContext()
  const span = newTrace(outer?.trace)
  const started = systemClock.monotonic()
  let ended = false
  return {
    run: (fn) => withContext({ ...outer, trace: span }, fn),
    end(attributes) {
      if (ended) return
      ended = true
      tell(hearers(name), name, attributes, started, { span, parent: outer?.trace, userId: outer?.userId })
    },
  }
}

interface Place {
  readonly span: TraceContext
  readonly parent: TraceContext | undefined
  readonly userId: string | undefined
}

function here(): Place | undefined {
  const context = currentContext()
  if (!context) return undefined
  const { trace, userId } = context
  return { span: { ...trace, spanId: randomHex(8) }, parent: trace, userId }
}

function tell<Name extends OperationName>(
  heard: readonly Subscription[],
  name: Name,
  attributes: Operations[Name],
  startedMonotonic: number | undefined,
  given: Place | undefined,
): void {
  const durationMs = startedMonotonic === undefined ? 0 : Math.max(0, systemClock.monotonic() - startedMonotonic)
  const place = given ?? here()
  const event = {
    name,
    startedAt: systemClock.now() - durationMs,
    durationMs,
    ...(place && { traceId: place.span.traceId, spanId: place.span.spanId }),
    ...(place?.parent && { parentSpanId: place.parent.spanId }),
    ...(place?.userId !== undefined && { userId: place.userId }),
    attributes,
  } as TelemetryEvent
  for (const subscription of heard) {
    try {
      subscription.listener(event)
    } catch (error) {
      if (!subscription.failed) reportFailure(error, { concern: 'core', operation: 'telemetry listener', event: name })
      subscription.failed = true
    }
  }
}
