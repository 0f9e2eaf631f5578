import { systemClock } from '../time/clock.ts'
import { currentContext, notify } from '../context/context.ts'
import { reportFailure, runGuarded } from '../errors/failures.ts'
import type { OperationName, Operations, TelemetryEvent } from './operations.ts'
import {
  telemetrySlot,
  type ListenOptions,
  type Place,
  type TelemetryHub,
  type TelemetryListener,
} from './telemetry-slot.ts'
import { newTrace } from '../context/trace.ts'

/**
 * Calls `listener` with each operation of this process as it ends, except those that the listener itself caused while it
 * handled another (in browsers: only until it returns). A listener must be quick and synchronous. The first error that it
 * throws or rejects with is reported.
 *
 * @returns A function that removes the listener.
 */
export function onTelemetry(listener: TelemetryListener, options: ListenOptions = {}): () => void {
  return (telemetrySlot().hub ??= createHub()).listen(listener, options)
}

interface Subscription {
  readonly listener: TelemetryListener
  readonly names: ReadonlySet<string> | undefined
  readonly prefixes: readonly string[]
  readonly inert: boolean
  /** True while an inert listener runs: operations that end meanwhile are its own. */
  running: boolean
  /** True once an error was reported: a listener that fails on every cache hit would flood the console. */
  failed: boolean
}

/** The bound on remembered names. Names come from code, so there are few, but a caller may invent more. */
const MAX_NAMES = 1000

function createHub(): TelemetryHub {
  const all = new Set<Subscription>()
  /** The subscriptions to an operation, by its name; cleared when a listener is added or removed. */
  const byName = new Map<string, readonly Subscription[]>()

  const subscriptionsTo = (name: string): readonly Subscription[] => {
    const known = byName.get(name)
    if (known) return known
    const found = [...all].filter(
      ({ names, prefixes }) => !names || names.has(name) || prefixes.some((prefix) => name.startsWith(prefix)),
    )
    if (byName.size < MAX_NAMES) byName.set(name, found)
    return found
  }

  return {
    listen(listener, options) {
      const subscription = subscriptionOf(listener, options)
      all.add(subscription)
      byName.clear()
      return () => {
        all.delete(subscription)
        byName.clear()
      }
    },
    isHeard: (name) => all.size > 0 && (name === undefined || subscriptionsTo(name).length > 0),
    emit(name, attributes, startedMonotonic, place) {
      if (all.size === 0) return
      const subscriptions = subscriptionsTo(name)
      if (subscriptions.length > 0)
        notifyAll(subscriptions, eventOf(name, attributes, startedMonotonic, place ?? here()))
    },
  }
}

function subscriptionOf(listener: TelemetryListener, { names, inert = false }: ListenOptions): Subscription {
  const exact = names?.filter((name) => !name.endsWith('*'))
  const prefixes = names?.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)) ?? []
  return { listener, names: exact && new Set<string>(exact), prefixes, inert, running: false, failed: false }
}

function here(): Place | undefined {
  const context = currentContext()
  if (!context) return undefined
  return { span: newTrace(context.trace), parent: context.trace, userId: context.userId }
}

function eventOf<Name extends OperationName>(
  name: Name,
  attributes: Operations[Name],
  startedMonotonic: number | undefined,
  place: Place | undefined,
): TelemetryEvent {
  const durationMs = startedMonotonic === undefined ? 0 : Math.max(0, systemClock.monotonic() - startedMonotonic)
  const startedAt = systemClock.now() - durationMs
  const event = { name, startedAt, durationMs, attributes } as {
    -readonly [K in keyof TelemetryEvent]: TelemetryEvent[K]
  }
  if (place) {
    event.traceId = place.span.traceId
    event.spanId = place.span.spanId
    if (place.parent) event.parentSpanId = place.parent.spanId
    if (place.userId !== undefined) event.userId = place.userId
  }
  return event as TelemetryEvent
}

function notifyAll(subscriptions: readonly Subscription[], event: TelemetryEvent): void {
  for (const subscription of subscriptions) {
    runGuarded(
      () => (subscription.inert ? notifyInert(subscription, event) : notifyTracked(subscription, event)),
      (error) => {
        if (!subscription.failed) {
          reportFailure(error, { concern: 'core', operation: 'telemetry listener', event: event.name })
        }
        subscription.failed = true
      },
    )
  }
}

/** Runs a listener in a context by which the operations that it causes, now or later, are recognised. */
function notifyTracked(subscription: Subscription, event: TelemetryEvent): unknown {
  return notify(subscription, () => subscription.listener(event))
}

function notifyInert(subscription: Subscription, event: TelemetryEvent): unknown {
  if (subscription.running) return undefined
  subscription.running = true
  try {
    // Returned because it may be a promise although its listener claims to be inert; a rejection is reported.
    return subscription.listener(event)
  } finally {
    subscription.running = false
  }
}
