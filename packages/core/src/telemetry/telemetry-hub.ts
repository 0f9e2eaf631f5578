import { systemClock } from '../time/clock.ts'
import { currentContext, tell as tellOne } from '../context/context.ts'
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
 * Hears operations of this process as they end, except those that happen because it was told of another (in browsers:
 * before it has returned). A listener must be quick and synchronous; what it throws, or rejects with, is reported once.
 */
export function onTelemetry(listener: TelemetryListener, options: ListenOptions = {}): () => void {
  return (telemetrySlot().hub ??= createHub()).listen(listener, options)
}

interface Subscription {
  readonly listener: TelemetryListener
  readonly names: ReadonlySet<string> | undefined
  readonly prefixes: readonly string[]
  readonly inert: boolean
  /** An inert one is being told; what it does meanwhile is its own doing. */
  telling: boolean
  /** A listener that threw; told once, or one that fails on every cache hit would flood the console. */
  failed: boolean
}

/** Names come from code, so there are few; the bound is for a caller that makes them up. */
const MAX_NAMES = 1000

function createHub(): TelemetryHub {
  const all = new Set<Subscription>()
  /** Who hears an operation, by its name; forgotten when somebody comes or goes. */
  const byName = new Map<string, readonly Subscription[]>()

  const hearers = (name: string): readonly Subscription[] => {
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
    isHeard: (name) => all.size > 0 && (name === undefined || hearers(name).length > 0),
    tell(name, attributes, startedMonotonic, place) {
      if (all.size === 0) return
      const heard = hearers(name)
      if (heard.length > 0) tell(heard, eventOf(name, attributes, startedMonotonic, place ?? here()))
    },
  }
}

function subscriptionOf(listener: TelemetryListener, { names, inert = false }: ListenOptions): Subscription {
  const exact = names?.filter((name) => !name.endsWith('*'))
  const prefixes = names?.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)) ?? []
  return { listener, names: exact && new Set<string>(exact), prefixes, inert, telling: false, failed: false }
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

function tell(heard: readonly Subscription[], event: TelemetryEvent): void {
  for (const subscription of heard) {
    runGuarded(
      () => (subscription.inert ? tellInert(subscription, event) : tellMarked(subscription, event)),
      (error) => {
        if (!subscription.failed) {
          reportFailure(error, { concern: 'core', operation: 'telemetry listener', event: event.name })
        }
        subscription.failed = true
      },
    )
  }
}

/** What a listener does may be an operation too, also later. */
function tellMarked(subscription: Subscription, event: TelemetryEvent): unknown {
  return tellOne(subscription, () => subscription.listener(event))
}

function tellInert(subscription: Subscription, event: TelemetryEvent): unknown {
  if (subscription.telling) return undefined
  subscription.telling = true
  try {
    // It may be asynchronous although it says that it is not.
    return subscription.listener(event)
  } finally {
    subscription.telling = false
  }
}
